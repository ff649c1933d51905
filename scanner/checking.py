"""One image, examined and judged right now: nothing is stored, nobody is told.

For a gate in a pipeline: what the policy says of an image before it is pushed, or of one that is.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from scanner.errors import NoImageError
from scanner.examination import Examiner
from scanner.exports import Exported, exported
from scanner.judging import judged, judged_index, platform_verdict
from scanner.model import (
    Digest,
    ImageReference,
    LayerInventory,
    NotApplicable,
    Platform,
    Report,
    Rulebook,
    ScanJob,
    Unexaminable,
)
from scanner.pipeline import NESTED_INDEX
from scanner.ports import IndexEntry, ResolvedImage, ResolvedIndex
from scanner.publishing import draft

logger = logging.getLogger(__name__)

_NO_JOB = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Checks images. Each check asks, examines and judges anew."""

    examiner: Examiner
    rulebook: Rulebook
    clock: Callable[[], datetime]

    def check(self, image: ImageReference, *, platform: str = "") -> Exported:
        """Judge an image, or each platform's image of an index.

        Args:
            image: Its name counts for the policy, its digest for everything else.
            platform: Judge the image of this one only, e.g. `linux/arm64`; empty for all.

        Raises:
            NoImageError: The image, or none of the index, is of that platform.
            AdvisoriesError: No usable advisory database is in place.
            PushscanError: our own faults, as in any examination.
        """
        begun = self._begun(image)
        resolved = self.examiner.registry.resolve(image)
        if isinstance(resolved, ResolvedIndex):
            return self._check_index(begun, resolved, platform)
        if isinstance(resolved, ResolvedImage) and not _is_of(resolved.platform, platform):
            raise NoImageError(f"{image.name} is of {resolved.platform}, not of {platform}")
        return exported(self._examine(begun, resolved), lambda _: None)

    def _begun(self, image: ImageReference) -> Report:
        now = self.clock()
        job = ScanJob(id=_NO_JOB, image=image, requested_at=now)
        return replace(
            draft(job, image, rulebook=self.rulebook, tag=image.tag, as_of=now, now=now),
            scanner=self.examiner.scanner.describe(),
            advisories=self.examiner.scanner.advisories(),
        )

    def _check_index(self, begun: Report, index: ResolvedIndex, platform: str) -> Exported:
        chosen = [entry for entry in index.children if _is_of(entry.platform, platform)]
        if not chosen:
            offered = ", ".join(str(entry.platform) for entry in index.children)
            raise NoImageError(f"{index.reference.name} has no platform {platform}, but {offered}")
        reports = [self._examine_platform(begun, entry) for entry in chosen]
        platforms = [
            platform_verdict(entry.platform, report)
            for entry, report in zip(chosen, reports, strict=True)
        ]
        whole = judged_index(begun, platforms, self.rulebook)
        return exported(whole, {report.id: report for report in reports}.get)

    def _examine_platform(self, begun: Report, entry: IndexEntry) -> Report:
        resolved = self.examiner.registry.resolve(entry.reference)
        if isinstance(resolved, ResolvedIndex):
            resolved = NESTED_INDEX
        image = replace(entry.reference, tag=begun.image.tag)
        return self._examine(replace(begun, image=image, platform=entry.platform), resolved)

    def _examine(
        self, begun: Report, resolved: ResolvedImage | NotApplicable | Unexaminable
    ) -> Report:
        if not isinstance(resolved, ResolvedImage):
            return judged(begun, resolved, self.rulebook)
        if begun.advisories is None:
            raise ValueError("a check is begun with advisories")
        examination = self.examiner.examine(resolved, advisories=begun.advisories)
        logger.info("image.checked image=%s", begun.image)
        consists_of = replace(
            begun,
            platform=resolved.platform,
            config_digest=Digest.of(resolved.config),
            facts=resolved.facts,
            layers=examination.diff_ids,
        )
        return judged(consists_of, examination.seen, self.rulebook)


def _is_of(named: Platform, wanted: str) -> bool:
    return wanted in {"", str(named), f"{named.os}/{named.architecture}"}


@dataclass(slots=True)
class KeptInventories:
    """What layers hold, for as long as a check takes: the port without a store behind it."""

    _found: dict[tuple[str, Digest], LayerInventory] = field(default_factory=dict)
    _unpacks_to: dict[Digest, Digest] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, profile: str, diff_id: Digest) -> LayerInventory | None:
        """Return what this profile found in a layer, or None."""
        with self._lock:
            return self._found.get((profile, diff_id))

    def save(self, profile: str, inventory: LayerInventory) -> None:
        """Keep an inventory."""
        with self._lock:
            self._found.setdefault((profile, inventory.diff_id), inventory)

    def unpacks_to(self, layer: Digest) -> Digest | None:
        """Return the diff_id of a blob whose two digests were verified together, or None."""
        with self._lock:
            return self._unpacks_to.get(layer)

    def remember(self, layer: Digest, *, unpacks_to: Digest) -> None:
        """Keep the diff_id of a blob."""
        with self._lock:
            self._unpacks_to[layer] = unpacks_to
