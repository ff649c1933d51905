"""Removes examinations of long ago, and the reports that nothing names any more.

Of each image stays, beside all that is younger, the examination that was in force when the time to
keep began: somebody may ask what was known on that day. Of reports stays what any of these names,
as its own or as one of its platforms', and what the image's row names.

First what shall go is written down, then the rows go, then the reports: whoever is interrupted
leaves word of reports that no row names, and the next run begins with these.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Self

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from scanner.errors import StoreError
from scanner.storage import StorageConnection
from scanner.storage.blobs import BlobFolder
from scanner.storage.moments import from_text
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store.azure_lookups import rows_after
from scanner.store.azure_store import HISTORY, IMAGES, REPORTS, report_blob
from scanner.store.history import named_by
from scanner.store.retention import BUDGET, RETENTION, TimeUpError

logger = logging.getLogger(__name__)

_PLACE = RowKey("history", "progress")
_AT_ONCE = 250
"""Reports, so that their ids fit into one property of a row; an index names 64 at most."""
_SETTLED = timedelta(days=1)
"""A report that was written or asked for since may be about to be named."""
_BEHIND_ALL = "~"


@dataclass(slots=True, kw_only=True)
class _Batch:
    """Rows of one repository that shall go, and the reports that they name."""

    repository: str
    after: str
    """The image before the first that has a row in here; where to begin again."""
    rows: list[RowKey] = field(default_factory=list)
    reports: set[str] = field(default_factory=set)

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= _AT_ONCE or len(self.reports) >= _AT_ONCE


class OldHistory:
    """One run removes what it can in its time, and the next one goes on where it stopped."""

    def __init__(
        self, blobs: BlobServiceClient, tables: TableServiceClient, clock: Callable[[], datetime]
    ) -> None:
        self._reports = BlobFolder(blobs.get_container_client(REPORTS))
        self._history = RowTable(tables.get_table_client(HISTORY))
        self._images = RowTable(tables.get_table_client(IMAGES))
        self._progress = RowTable(tables.get_table_client(RETENTION))
        self._clock = clock

    @classmethod
    def connect(cls, storage: StorageConnection, clock: Callable[[], datetime]) -> Self:
        """Build it; nothing is contacted before the first call."""
        return cls(storage.blob_service(), storage.table_service(), clock)

    def remove(self, kept: timedelta) -> None:
        """Remove what was superseded so long ago. Raises StoreError."""
        now = self._clock()
        after = self._finish()
        try:
            self._go_on(after, before=now - kept, ends_at=now + BUDGET)
        except TimeUpError:
            logger.info("history.removal_goes_on")

    def _go_on(self, after: str, *, before: datetime, ends_at: datetime) -> None:
        place = RowKey(after, _BEHIND_ALL) if after else None
        done, batch = after, _Batch(repository="", after=after)
        by_image = groupby(rows_after(self._history, place), key=lambda entry: entry[0].partition)
        for image, rows in by_image:
            repository = image.rpartition("|")[0]
            if not batch.rows or repository != batch.repository:
                self._settle(batch)
                batch = _Batch(repository=repository, after=done)
            for key, row in _superseded(rows, before):
                batch.rows.append(key)
                batch.reports |= named_by(row)
                if batch.is_full:
                    self._settle(batch)
                    batch = _Batch(repository=repository, after=done)
            done = image
            if self._clock() >= ends_at:
                self._settle(batch)
                self._note(after=done)
                raise TimeUpError
        self._settle(batch)
        self._note(after="")

    def _finish(self) -> str:
        """Remove the reports that an interrupted run has left; return where to go on."""
        row = self._progress.read(_PLACE)
        if row is None:
            return ""
        try:
            after, repository = str(row["after"]), str(row["repository"])
            reports = set(filter(None, str(row["reports"]).split(",")))
        except KeyError as error:
            raise StoreError("retention.read: the row of history is not one of ours") from error
        self._remove_unnamed(repository, reports)
        return after

    def _settle(self, batch: _Batch) -> None:
        if not batch.rows:
            return
        self._note(after=batch.after, repository=batch.repository, reports=batch.reports)
        for key in batch.rows:
            self._history.remove(key)
        self._remove_unnamed(batch.repository, batch.reports)
        self._note(after=batch.after)
        logger.info("history.removed of=%s rows=%d", batch.repository, len(batch.rows))

    def _note(self, *, after: str, repository: str = "", reports: Iterable[str] = ()) -> None:
        row: Row = {"after": after, "repository": repository, "reports": ",".join(sorted(reports))}
        self._progress.change(_PLACE, lambda _: row)

    def _remove_unnamed(self, repository: str, reports: Iterable[str]) -> None:
        settled = self._clock() - _SETTLED
        unnamed = {}
        for report in reports:
            # Before anybody is asked who names it: who wants it again changes its stamp.
            stamp = self._reports.stamp(report_blob(report))
            if stamp is not None and stamp.changed_at < settled:
                unnamed[report] = stamp
        for named in self._named_in(repository) if unnamed else ():
            unnamed.pop(named, None)
        for report, stamp in unnamed.items():
            if self._reports.remove(report_blob(report), unchanged_since=stamp):
                logger.info("report.removed id=%s", report)

    def _named_in(self, repository: str) -> Iterator[str]:
        # A partition of history is `repository|digest`, and `;` is the next character after `:`.
        first, end = f"{repository}|sha256:", f"{repository}|sha256;"
        of_repository = self._history.select(
            "PartitionKey ge @partition and PartitionKey lt @end", {"partition": first, "end": end}
        )
        for _, row in of_repository:
            yield from named_by(row)
        images = self._images.select("PartitionKey eq @partition", {"partition": repository})
        for _, row in images:
            yield from (str(row["report_id"]), str(row["report_before"]))


def _superseded(
    rows: Iterable[tuple[RowKey, Row]], before: datetime
) -> Iterator[tuple[RowKey, Row]]:
    """Yield what a later examination had superseded by then, of rows that begin with the latest."""
    is_past = False
    for _, together in groupby(rows, key=lambda entry: str(entry[1]["as_of"])):
        examinations = list(together)
        if is_past:
            yield from examinations
        is_past = is_past or any(
            from_text(str(row["finished_at"])) <= before for _, row in examinations
        )
