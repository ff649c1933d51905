"""Reports in Blob Storage, the current verdicts in Table Storage.

A report is written before the rows that name it, so no row ever points at a missing report. Each
write can be repeated; a crash between two is repaired by saving again, which the queue does.
"""

import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Self

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from scanner.errors import StoreError
from scanner.model import (
    Digest,
    ImageReference,
    NotApplicableReason,
    PassedOver,
    Report,
    Status,
)
from scanner.ports import Check, CurrentVerdict, PastVerdict, TagPush
from scanner.storage import StorageConnection
from scanner.storage.blobs import BlobFolder
from scanner.storage.moments import to_text
from scanner.storage.rows import Row, RowTable
from scanner.store import report_json
from scanner.store.ancestors import ChainRows
from scanner.store.azure_lookups import LookupRows
from scanner.store.history import History
from scanner.store.image_row import ImageRow, image_key, partition, repository_of
from scanner.store.report_json import MAX_REPORT_BYTES
from scanner.store.tags import Tags

logger = logging.getLogger(__name__)

REPORTS, IMAGES, HISTORY, _TAGS = "reports", "images", "history", "tags"
_REPORT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class AzureReportStore:
    """The ReportStore port on Azure Storage. Safe to use from several threads and processes."""

    def __init__(self, blobs: BlobServiceClient, tables: TableServiceClient) -> None:
        self._reports = BlobFolder(blobs.get_container_client(REPORTS))
        self._images = RowTable(tables.get_table_client(IMAGES))
        self._history = History(RowTable(tables.get_table_client(HISTORY)))
        self._tags = Tags(RowTable(tables.get_table_client(_TAGS)), self._images)
        self._lookups = LookupRows.connect(tables)
        self._chains = ChainRows(tables)

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build the store; nothing is contacted before the first call."""
        return cls(storage.blob_service(), storage.table_service())

    def find_report(self, report_id: str) -> Report | None:
        """Return a stored report, or None when there is none of that id. Raises StoreError."""
        if not _REPORT_ID.fullmatch(report_id):
            return None
        untrusted_document = self._reports.read(report_blob(report_id), max_bytes=MAX_REPORT_BYTES)
        return report_json.decode(untrusted_document) if untrusted_document is not None else None

    def save(self, report: Report, *, part_of: Digest | None = None) -> CurrentVerdict:
        """Store the report, then make it current unless a later one is. Safe to repeat.

        An index once given as `part_of` stays, also when a later report comes without. Returns
        what is current afterwards. Raises StoreError.
        """
        self._upload(report)
        self._lookups.note(report)
        self._chains.note(report)
        self._history.add(report)
        current = self._make_current(report, part_of)
        if report.image.tag and not self._tags.point(report, report.image.tag):
            # A later push took the tag away, so the row has changed once more.
            return self.current(report.image) or current
        return current

    def confirm(
        self, current: CurrentVerdict, check: Check, passed_over: PassedOver | None = None
    ) -> CurrentVerdict | None:
        """Note that a verdict still stands, unless another is current. Raises StoreError."""
        key = image_key(current.image)

        def confirmed(present: Row | None) -> Row | None:
            if present is None:
                return None
            row = ImageRow.read(key, present)
            return row.confirmed(current.report_id, check, passed_over).write()

        row = self._images.change(key, confirmed)
        return ImageRow.read(key, row).current if row is not None else None

    def current(self, image: ImageReference) -> CurrentVerdict | None:
        """Return the current verdict on a digest, or None when it was never judged."""
        key = image_key(image)
        row = self._images.read(key)
        return ImageRow.read(key, row).current if row is not None else None

    def history(self, image: ImageReference) -> Iterator[PastVerdict]:
        """Yield every examination of a digest, the latest first. Raises StoreError."""
        return self._history.of(image)

    def resolve_tag(self, registry: str, repository: str, tag: str) -> Digest | None:
        """Return the digest that a tag was last pushed with. Raises StoreError."""
        push = self._tags.find(registry, repository, tag)
        return push.image.digest if push else None

    def find_tag(self, registry: str, repository: str, tag: str) -> TagPush | None:
        """Return the last push of a tag. Raises StoreError."""
        return self._tags.find(registry, repository, tag)

    def tags_of(self, image: ImageReference) -> Sequence[TagPush]:
        """Return the pushes by which tags name this digest, the latest first. Raises StoreError."""
        return self._tags.of(image)

    def repositories(self, registry: str) -> Iterator[str]:
        """Yield those that have a current verdict other than that it was deleted.

        One query each: the next row behind all of the repository before. Raises StoreError.
        """
        # A repository's partition is `registry|path`, and `}` is the next character after `|`.
        last, end = f"{registry}|", f"{registry}}}"
        while found := self._images.first(
            "PartitionKey gt @partition and PartitionKey lt @end and reason ne @deleted",
            {"partition": last, "end": end, "deleted": NotApplicableReason.DELETED.value},
        ):
            last = found[0].partition
            yield repository_of(last)

    def list_current(
        self,
        *,
        status: Status | None = None,
        repository: str | None = None,
        after: ImageReference | None = None,
    ) -> Iterator[CurrentVerdict]:
        """Yield current verdicts by registry, repository and digest, one page at a time.

        Those on deleted images are left out. `repository` is a glob in which `*` also matches
        slashes. Raises StoreError.
        """
        filters = ["reason ne @deleted"]
        parameters = {"deleted": NotApplicableReason.DELETED.value}
        if status:
            filters.append("status eq @status")
            parameters["status"] = status.value
        if after:
            # The SDK finds parameters between blanks, so a bracket may not touch one.
            filters.append(
                "(PartitionKey gt @partition or (PartitionKey eq @partition and RowKey gt @row ))"
            )
            key = image_key(after)
            parameters |= {"partition": key.partition, "row": key.row}
        for key, row in self._images.select(" and ".join(filters), parameters):
            current = ImageRow.read(key, row).current
            if repository is None or fnmatchcase(current.image.repository, repository):
                yield current

    def due(self, now: datetime) -> Iterator[CurrentVerdict]:
        """Yield current verdicts whose time to be judged again has come. Raises StoreError."""
        # Times are texts of one width; a row without one has an empty text, or none of before.
        query, parameters = "turns_at gt @never and turns_at le @now", {"never": "", "now": ""}
        for key, row in self._images.select(query, parameters | {"now": to_text(now)}):
            yield ImageRow.read(key, row).current

    def judged(
        self, registry: str, repository: str, digests: Collection[Digest]
    ) -> Mapping[Digest, str | None]:
        """Return those that have a current verdict other than that they were deleted.

        With the tag that each shows. One query over the range that the digests span: the registry
        lists them in their order.
        """
        if not digests:
            return {}
        rows = self._images.select(
            "PartitionKey eq @partition and RowKey ge @first and RowKey le @last "
            "and reason ne @deleted",
            {
                "partition": partition(registry, repository),
                "first": str(min(digests)),
                "last": str(max(digests)),
                "deleted": NotApplicableReason.DELETED.value,
            },
        )
        wanted = frozenset(digests)
        shown = {Digest(key.row): str(row["tag"]) or None for key, row in rows}
        return {digest: tag for digest, tag in shown.items() if digest in wanted}

    def _upload(self, report: Report) -> None:
        if not _REPORT_ID.fullmatch(report.id):
            raise StoreError("reports.write: the report's id is no name for a blob")
        document = report_json.encode(report)
        if len(document) > MAX_REPORT_BYTES:
            raise StoreError(f"reports.write: {report.id} is larger than {MAX_REPORT_BYTES} bytes")
        name = report_blob(report.id)
        # The id follows from the content: whoever came first wrote the same. Whoever removes old
        # reports sees by the touch that this one is about to be named again.
        while not self._reports.create(name, document, content_type="application/json"):
            if self._reports.touch(name):
                return
        logger.info("report.stored id=%s bytes=%d", report.id, len(document))

    def _make_current(self, report: Report, part_of: Digest | None) -> CurrentVerdict:
        key = image_key(report.image)
        news = ImageRow.of(report, part_of=part_of)

        def merge(present: Row | None) -> Row:
            return news.merged_into(ImageRow.read(key, present) if present else None).write()

        row = self._images.change(key, merge)
        return ImageRow.read(key, row or news.write()).current


def report_blob(report_id: str) -> str:
    """Return the name of a report's blob."""
    return f"{report_id}.json"
