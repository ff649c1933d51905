"""What is kept of some images of a job, and what is seen in it by the advisories of today.

All are matched together. What an index lists is matched with the images that are named themselves.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Self

from scanner.known_layers import KnownLayers
from scanner.model import (
    Advisories,
    ImageReference,
    LayeredImage,
    Report,
    ScanReport,
    Status,
    Unexaminable,
)
from scanner.ports import CurrentVerdict, ImageScanner, ReportStore

_READERS = 8
"""Of rows and reports, or of the layers of one image, at once: nearly all of that is waiting."""


class UnmatchedError(Exception):
    """Raised for an image that there was no time for; the images matched with it took too long."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was said of an image."""

    current: CurrentVerdict
    report: Report


Seen = ScanReport | Unexaminable
IsPast = Callable[[Kept], bool]
"""Says whether there is nothing to be done for an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImages:
    """The images that are matched together; each is read once."""

    store: ReportStore
    layers: KnownLayers
    scanner: ImageScanner
    advisories: Advisories
    _kept: dict[ImageReference, Kept | None] = field(default_factory=dict)
    _seen: dict[ImageReference, Seen | None] = field(default_factory=dict)

    def others(self) -> Self:
        """Return the same for other images of the job."""
        return replace(self, _kept={}, _seen={})

    def find(self, image: ImageReference) -> Kept | None:
        """Return what was said of an image, or None where that is not known. Raises StoreError."""
        name = _untagged(image)
        if name not in self._kept:
            current = self.store.current(image)
            report = self.store.find_report(current.report_id) if current else None
            self._kept[name] = Kept(current, report) if current and report else None
        return self._kept[name]

    def match_all(self, images: Iterable[ImageReference], is_past: IsPast) -> None:
        """Match what can be matched of these images, and of what they list.

        Raises SandboxUnavailableError, AdvisoriesError and StoreError.
        """
        asked: deque[ImageReference] = deque()
        named = list(images)
        with ThreadPoolExecutor(_READERS, "kept") as side_by_side:
            for _ in side_by_side.map(self.find, named):
                continue
            wanted = self._layered(self._to_match(named, is_past), asked, side_by_side)
            for seen in self.scanner.match_all(wanted, advisories=self.advisories):
                self._seen[asked.popleft()] = seen

    def seen(self, report: Report) -> Seen | None:
        """Return what was seen in a report's image; None where not all of it is kept.

        Raises UnmatchedError.
        """
        image = _untagged(report.image)
        if not report.layers:
            return None
        if image not in self._seen:
            raise UnmatchedError
        return self._seen[image]

    def _to_match(self, images: Iterable[ImageReference], is_past: IsPast) -> Iterator[Kept]:
        for image in images:
            kept = self.find(image)
            if kept is None or kept.report.verdict.status is Status.NOT_APPLICABLE or is_past(kept):
                continue
            if kept.report.layers:
                yield kept
            for entry in kept.report.platforms:
                platform = self.find(replace(image, digest=entry.digest, tag=None))
                if platform and platform.report.layers and not is_past(platform):
                    yield platform

    def _layered(
        self,
        wanted: Iterable[Kept],
        asked: deque[ImageReference],
        side_by_side: ThreadPoolExecutor,
    ) -> Iterator[LayeredImage]:
        """Yield each image that all layers are kept of, and note its name."""
        met: set[ImageReference] = set()
        for kept in wanted:
            image = _untagged(kept.report.image)
            if image in met:
                continue
            met.add(image)
            found = side_by_side.map(self.layers.find, kept.report.layers)
            layers = [layer for layer in found if layer is not None]
            if len(layers) == len(kept.report.layers):
                asked.append(image)
                yield LayeredImage(layers=layers, passed_over=kept.current.passed_over)
            else:
                self._seen[image] = None


def _untagged(image: ImageReference) -> ImageReference:
    return replace(image, tag=None)
