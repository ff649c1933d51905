"""Ancestors in memory."""

from collections.abc import Callable, Iterable, Sequence

from scanner.ancestry import Ancestries
from scanner.model import Digest, ImageReference, Report
from scanner.ports import KnownBase
from tests.fakes.stores import InMemoryReportStore


class InMemoryAncestors:
    """Answers from every report that was ever saved, in the order of saving."""

    def __init__(self, saved: Callable[[], Iterable[Report]]) -> None:
        self._saved = saved

    def base_of(self, image: ImageReference, layers: Sequence[Digest]) -> KnownBase | None:
        """Return the first of the largest images that are the bottom of another."""
        bases = [
            report
            for report in self._saved()
            if report.image.registry == image.registry
            and 0 < len(report.layers) < len(layers)
            and tuple(layers[: len(report.layers)]) == report.layers
        ]
        firsts: dict[int, Report] = {}
        for report in bases:
            firsts.setdefault(len(report.layers), report)
        for depth in sorted(firsts, reverse=True):
            if firsts[depth].image.repository != image.repository:
                return KnownBase(image=firsts[depth].image, layers=depth)
        return None

    def named_before(self, image: ImageReference) -> Digest | None:
        """Return the last other digest that was pushed under the image's tag before it."""
        pushes = sorted(
            (report.requested_at, report.image.digest)
            for report in self._saved()
            if report.image.tag is not None
            and (report.image.registry, report.image.repository, report.image.tag)
            == (image.registry, image.repository, image.tag)
        )
        digests = [digest for _, digest in pushes]
        while digests and digests[-1] == image.digest:
            digests.pop()
        return digests[-1] if digests else None


def ancestries_of(store: InMemoryReportStore) -> Ancestries:
    """Trace images through a store in memory."""
    return Ancestries(store=store, ancestors=InMemoryAncestors(store.saved))
