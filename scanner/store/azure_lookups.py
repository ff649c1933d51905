"""What each image looks up in the advisories, in Table Storage: one row an image, as its verdict.

A row for each package would find images faster, and cost hundreds of writes at every push. This
way a push costs one, and whoever looks for candidates reads all rows, 500 at a time.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Self

from azure.data.tables import TableServiceClient

from scanner import lookups
from scanner.errors import StoreError
from scanner.model import ImageReference, Report
from scanner.storage import StorageConnection
from scanner.storage.moments import to_text
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store.image_row import ImageRow, image_key
from scanner.sweeping import IndexedImage

_IMAGES, _LOOKUPS = "images", "lookups"


class LookupRows:
    """The keys of all images. A missing row means that anything may concern the image."""

    def __init__(self, table: RowTable) -> None:
        self._table = table

    @classmethod
    def connect(cls, tables: TableServiceClient) -> Self:
        """Build it; nothing is contacted before the first call."""
        return cls(RowTable(tables.get_table_client(_LOOKUPS)))

    def note(self, report: Report) -> None:
        """Keep what an image looks up, before its report becomes current. Raises StoreError.

        An index looks up what its platforms do. A report that was read from the store says nothing
        about it: then the row is there.
        """
        if report.platforms:
            keys = self._of_platforms(report)
        elif report.scan is not None and report.scan.looked_up is not None:
            keys = lookups.keys_of(report)
        else:
            return
        wanted: Row = {
            "as_of": to_text(report.as_of),
            "keys": lookups.ANYTHING if keys is None else lookups.write(keys),
        }

        def later(present: Row | None) -> Row:
            return max(present or wanted, wanted, key=lambda row: str(row["as_of"]))

        self._table.change(image_key(report.image), later)

    def select(self, after: RowKey | None) -> Iterator[tuple[RowKey, frozenset[int] | None]]:
        """Yield keys in the order of the rows."""
        for key, row in rows_after(self._table, after):
            yield key, _read(row)

    def _of_platforms(self, report: Report) -> frozenset[int] | None:
        keys: frozenset[int] = frozenset()
        for entry in report.platforms:
            key = RowKey(image_key(report.image).partition, str(entry.digest))
            row = self._table.read(key)
            found = _read(row) if row is not None else None
            if found is None:
                return None
            keys |= found
        return keys if len(keys) <= lookups.MAX_KEYS else None


class AzureImageIndex:
    """The ImageIndex port on Azure Storage: the rows of images and of look-ups, read in step."""

    def __init__(self, tables: TableServiceClient) -> None:
        self._images = RowTable(tables.get_table_client(_IMAGES))
        self._lookups = LookupRows.connect(tables)

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build the index; nothing is contacted before the first call."""
        return cls(storage.table_service())

    def stretch(self, after: ImageReference | None, limit: int) -> Sequence[IndexedImage]:
        """Return the next images, fewer than `limit` only at the end. Raises StoreError."""
        place = image_key(after) if after else None
        keys = self._lookups.select(place)
        known = next(keys, None)
        found = []
        for key, row in islice(rows_after(self._images, place), limit):
            while known is not None and _order(known[0]) < _order(key):
                known = next(keys, None)
            current = ImageRow.read(key, row).current
            found.append(
                IndexedImage(
                    image=current.image,
                    status=current.status,
                    against=current.against,
                    keys=known[1] if known is not None and known[0] == key else None,
                )
            )
        return found


def rows_after(table: RowTable, after: RowKey | None) -> Iterator[tuple[RowKey, Row]]:
    """Yield all rows behind a place. Two ranges, because `or` would make the table read it all."""
    if after is None:
        return table.select("", {})
    rest = table.select(
        "PartitionKey eq @partition and RowKey gt @row",
        {"partition": after.partition, "row": after.row},
    )
    return chain(rest, table.select("PartitionKey gt @partition", {"partition": after.partition}))


def _order(key: RowKey) -> tuple[str, str]:
    return key.partition, key.row


def _read(row: Row) -> frozenset[int] | None:
    text = str(row.get("keys", lookups.ANYTHING))
    if text == lookups.ANYTHING:
        return None
    try:
        return lookups.read(text)
    except ValueError as error:
        raise StoreError("lookups.read: a row is not one of ours") from error
