"""Which images must be judged again because time has gone by, though nothing else is news?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from scanner.model import ImageReference
from scanner.ports import ReportStore


def due(store: ReportStore, now: datetime) -> Iterator[ImageReference]:
    """Yield images of which a grace or an exemption has ended; of a platform its index.

    An index is judged by its platforms, and judges them. Each is yielded once. Raises StoreError.
    """
    yielded: set[str] = set()
    for current in store.due(now):
        digest = current.part_of or current.image.digest
        image = replace(current.image, digest=digest, tag=None)
        if str(image) not in yielded:
            yielded.add(str(image))
            yield image
