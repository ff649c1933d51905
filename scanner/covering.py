"""Who speaks for an image that no tag names."""

from dataclasses import replace

from scanner.ports import CurrentVerdict, ReportStore


def is_followed(store: ReportStore, current: CurrentVerdict) -> bool:
    """Whether people follow an image by its digest. Raises StoreError.

    Not one that has had a tag: they follow the tag. Not a platform of an index that was judged:
    the index speaks for it.
    """
    if current.was_tagged:
        return False
    if current.part_of is None:
        return True
    return store.current(replace(current.image, digest=current.part_of, tag=None)) is None
