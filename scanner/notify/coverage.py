"""Whether somebody else speaks for an image by now."""

from scanner.covering import is_followed
from scanner.model import Transition
from scanner.ports import ReportStore


def is_covered(store: ReportStore, transition: Transition) -> bool:
    """Whether an image that had no tag turned out to be a platform of an index.

    Raises StoreError.
    """
    if transition.stream.tag is not None:
        return False
    current = store.current(transition.image)
    return current is not None and not current.was_tagged and not is_followed(store, current)
