"""Which manifests have a verdict and are no longer listed: their deletion was never told."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import takewhile

from scanner.model import Digest, ImageReference
from scanner.ports import CurrentVerdict, ManifestPage, ReportStore

_BEFORE_ALL = "sha256:" + "0" * 64


class Vanished:
    """One repository's verdicts, read side by side with its listing, each of them once."""

    def __init__(
        self, store: ReportStore, registry: str, repository: str, *, after: str, before: datetime
    ) -> None:
        """Begin behind the digest `after`; what was judged since `before` may yet be listed."""
        place = ImageReference(
            registry=registry, repository=repository, digest=Digest(after or _BEFORE_ALL)
        )
        self._rows = _of_repository(place, store.list_current(after=place))
        self._row = next(self._rows, None)
        self._came = after
        self._before = before
        self._is_ordered = True

    def among(self, page: ManifestPage) -> Iterator[ImageReference]:
        """Yield what this page would list if it were there.

        Nothing any more once a registry lists in another order than that of the digests.
        """
        listed = [str(entry.image.digest) for entry in page.manifests]
        if [self._came, *listed] != sorted({self._came, *listed}):
            self._is_ordered = False
        self._came = page.after
        return self._up_to(page.after, frozenset(listed))

    def at_end(self) -> Iterator[ImageReference]:
        """Yield what would come behind the last page."""
        return self._up_to("~", frozenset())

    def _up_to(self, last: str, listed: frozenset[str]) -> Iterator[ImageReference]:
        while self._is_ordered and self._row and str(self._row.image.digest) <= last:
            if str(self._row.image.digest) not in listed and self._row.as_of < self._before:
                yield self._row.image
            self._row = next(self._rows, None)


def _of_repository(
    place: ImageReference, rows: Iterable[CurrentVerdict]
) -> Iterator[CurrentVerdict]:
    return takewhile(
        lambda row: (
            (row.image.registry, row.image.repository) == (place.registry, place.repository)
        ),
        rows,
    )
