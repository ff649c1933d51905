"""Which digest a tag names, and what becomes of the image that loses it.

The tag's row is changed first. Whoever changed it, or found it changed, then takes the name off
every other image that still shows it; so it does not matter who comes first, nor who dies between.
"""

import functools
from dataclasses import replace

from scanner.errors import InvalidMessageError, StoreError
from scanner.model import Digest, ImageReference, Report
from scanner.ports import TagPush
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store.image_row import image_key, partition


class Tags:
    """Table `tags`, and the name that each row of table `images` shows."""

    def __init__(self, tags: RowTable, images: RowTable) -> None:
        self._tags = tags
        self._images = images

    def find(self, registry: str, repository: str, tag: str) -> TagPush | None:
        """Return the last push of a tag. Raises StoreError."""
        row = self._tags.read(RowKey(partition(registry, repository), tag))
        if row is None:
            return None
        try:
            image = ImageReference(
                registry=registry,
                repository=repository,
                digest=Digest(str(row["digest"])),
                tag=tag,
            )
            return TagPush(image=image, at=from_text(str(row["pushed_at"])))
        except (KeyError, ValueError, InvalidMessageError) as error:
            raise StoreError(f"tags.read: the row of {tag} is not one of ours") from error

    def before(self, image: ImageReference) -> Digest | None:
        """Return what an image's tag named before that image. Raises StoreError."""
        row = self._tags.read(RowKey(partition(image.registry, image.repository), image.tag or ""))
        if row is None:
            return None
        is_there = row["digest"] == str(image.digest)
        # Rows that were written before this column was do not have it.
        before = str(row.get("before", "") if is_there else row["digest"])
        return Digest(before) if before else None

    def of(self, image: ImageReference) -> list[TagPush]:
        """Return the pushes by which tags name an image, the latest first. Raises StoreError."""
        rows = self._tags.select(
            "PartitionKey eq @partition and digest eq @digest",
            {
                "partition": partition(image.registry, image.repository),
                "digest": str(image.digest),
            },
        )
        pushes = [(str(row["pushed_at"]), key.row) for key, row in rows]
        return [
            TagPush(image=replace(image, tag=tag), at=from_text(pushed_at))
            for pushed_at, tag in sorted(pushes, reverse=True)
        ]

    def point(self, report: Report, tag: str) -> bool:
        """Give a tag to a report's image unless a later push gave it to another.

        Whoever does not have the tag then no longer shows it. Returns whether the image has it.
        """
        pushed_at = to_text(report.requested_at)
        wanted: Row = {"digest": str(report.image.digest), "pushed_at": pushed_at}
        key = RowKey(partition(report.image.registry, report.image.repository), tag)
        row = self._tags.change(key, functools.partial(_pointed, wanted))
        holder = str((row or wanted)["digest"])
        others = self._images.select(
            "PartitionKey eq @partition and tag eq @tag and RowKey ne @holder",
            {"partition": key.partition, "tag": tag, "holder": holder},
        )
        for image, _ in others:
            self._rename(image, tag)
        if holder != str(report.image.digest):
            return False
        # Whoever took the tag off before it was given here may have done so after the row said it.
        own = image_key(report.image)
        self._images.change(own, functools.partial(_renamed, "", tag, pushed_at))
        if self._holder(key) == report.image.digest:
            return True
        self._rename(own, tag)
        return False

    def _rename(self, image: RowKey, lost: str) -> None:
        """Let an image show the newest of the tags that it still has instead of a lost one."""
        left, pushed_at = self._newest(image)
        while True:
            self._images.change(image, functools.partial(_renamed, lost, left, pushed_at))
            # Tags can have moved, or come back, between the look and the change.
            lost, (left, pushed_at) = left, self._newest(image)
            if left == lost:
                return

    def _newest(self, image: RowKey) -> tuple[str, str]:
        """Return an image's newest tag and when it was pushed, or twice nothing."""
        rows = self._tags.select(
            "PartitionKey eq @partition and digest eq @digest",
            {"partition": image.partition, "digest": image.row},
        )
        pushes = [(str(row["pushed_at"]), key.row) for key, row in rows]
        pushed_at, tag = max(pushes, default=("", ""))
        return tag, pushed_at

    def _holder(self, key: RowKey) -> Digest | None:
        row = self._tags.read(key)
        return Digest(str(row["digest"])) if row is not None else None


def _pushed(row: Row) -> tuple[str, str]:
    return str(row["pushed_at"]), str(row["digest"])


def _pointed(wanted: Row, present: Row | None) -> Row:
    """Return the row after a push, which may have come late: the later one counts."""
    if present is None:
        return wanted
    if _pushed(wanted) <= _pushed(present):
        return present
    is_news = wanted["digest"] != present["digest"]
    return {**wanted, "before": present["digest"] if is_news else present.get("before", "")}


def _renamed(lost: str, left: str, pushed_at: str, present: Row | None) -> Row | None:
    if present is None or present["tag"] != lost or lost == left:
        return None
    # Without a tag the moment stays: it says that the image once had one.
    return {**present, "tag": left, "tagged_at": pushed_at or present["tagged_at"]}
