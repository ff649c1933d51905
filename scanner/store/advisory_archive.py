"""The advisory databases in Blob Storage; which of them is current in Table Storage."""

import logging
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from scanner.advisory_ports import AdvisoryUpdate, ArchivedAdvisories, ArchivedFile
from scanner.errors import StoreError
from scanner.model import Advisories
from scanner.storage import StorageConnection
from scanner.storage.files import FileFolder
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store import advisory_json
from scanner.store.packing import pack, unpack

logger = logging.getLogger(__name__)

_CONTAINER = _TABLE = "advisories"
_CURRENT, _UPDATE = RowKey("shared", "current"), RowKey("shared", "update")
_TURN = timedelta(minutes=30)
"""As long as the host lets a function run."""
_ORPHANED = timedelta(days=1)
_MAX_FAILURE_CHARACTERS = 2000


class AzureAdvisoryArchive:
    """The AdvisoryArchive port on Azure Storage. Safe to use from several threads and processes.

    A blob is named by the digest of its compressed bytes and never changes; what two databases have
    in common, mostly the Java database, is stored once. The row that names the current ones and the
    ones before is changed by compare-and-swap alone.
    """

    def __init__(self, blobs: BlobServiceClient, tables: TableServiceClient) -> None:
        self._files = FileFolder(blobs.get_container_client(_CONTAINER))
        self._rows = RowTable(tables.get_table_client(_TABLE))

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build the archive; nothing is contacted before the first call."""
        return cls(storage.blob_service(), storage.table_service())

    def latest(self) -> ArchivedAdvisories | None:
        """Say which databases are current. Raises StoreError."""
        return _column(self._rows.read(_CURRENT), "current")

    def fetch(self, archived: ArchivedAdvisories, *, into: Path) -> None:
        """Write the files into an empty folder, each verified. Raises StoreError."""
        for file in archived.files:
            target = into / file.name
            try:
                target.parent.mkdir(exist_ok=True)
                stored = self._files.read(_blob_name(file), size=file.packed_size)
                unpack(stored, file, into=target)
            except OSError as error:
                raise StoreError(
                    f"advisories.read: cannot write {target}: {error.strerror}"
                ) from error
        logger.info("advisories.fetched digest=%s", archived.digest)

    def publish(
        self, advisories: Advisories, directory: Path, *, allow_older: bool = False
    ) -> ArchivedAdvisories:
        """Keep the files `directory/*/*` and make them current. Raises StoreError."""
        current = self.latest()
        if current is not None and _stays(current, advisories, allow_older=allow_older):
            return current
        try:
            files = tuple(
                self._store(path, path.relative_to(directory).as_posix())
                for path in sorted(directory.glob("*/*"))
            )
        except OSError as error:
            raise StoreError(f"advisories.write: {error.strerror}") from error
        return self._switch(advisories, files, allow_older=allow_older)

    def begin_update(self, holder: str, *, now: datetime) -> bool:
        """Take the turn unless another has it. Raises StoreError."""

        def take(present: Row | None) -> Row | None:
            if present and present["holder"] and from_text(str(present["until"])) > now:
                return None
            return {
                "ended_at": "",
                "failure": "",
                **(present or {}),
                "holder": holder,
                "until": to_text(now + _TURN),
            }

        stands = self._rows.change(_UPDATE, take)
        return stands is not None and stands["holder"] == holder

    def end_update(self, holder: str, *, now: datetime, failure: str = "") -> None:
        """Give the turn back, and note how it went. Raises StoreError."""

        def give_back(present: Row | None) -> Row | None:
            if present is None or present["holder"] != holder:
                return None
            return {
                "holder": "",
                "until": to_text(now),
                "ended_at": to_text(now),
                "failure": failure[:_MAX_FAILURE_CHARACTERS],
            }

        self._rows.change(_UPDATE, give_back)

    def last_update(self) -> AdvisoryUpdate | None:
        """Say how the last update went. Raises StoreError."""
        row = self._rows.read(_UPDATE)
        if row is None or not row["ended_at"]:
            return None
        return AdvisoryUpdate(ended_at=from_text(str(row["ended_at"])), failure=str(row["failure"]))

    def _store(self, path: Path, name: str) -> ArchivedFile:
        if not advisory_json.is_file_name(name):
            raise StoreError(f"advisories.write: {name!r} is no file of a database")
        with tempfile.TemporaryDirectory(prefix="pushscan-archive-") as scratch:
            packed = Path(scratch, "packed")
            file = pack(path, name, into=packed)
            self._files.create(_blob_name(file), packed)
        logger.info("advisories.stored name=%s bytes=%d", name, file.packed_size)
        return file

    def _switch(
        self, advisories: Advisories, files: tuple[ArchivedFile, ...], *, allow_older: bool
    ) -> ArchivedAdvisories:
        dropped: set[str] = set()

        def switch(present: Row | None) -> Row | None:
            dropped.clear()
            current = _column(present, "current")
            if current is not None and _stays(current, advisories, allow_older=allow_older):
                return None
            dropped.update(_blob_names(_column(present, "previous")))
            wanted = ArchivedAdvisories(
                source=advisories.source,
                digest=advisories.digest,
                java_digest=advisories.java_digest,
                updated_at=advisories.updated_at,
                is_step_back=current is not None and advisories.updated_at < current.updated_at,
                files=files,
            )
            return {
                "current": advisory_json.encode(wanted),
                "previous": advisory_json.encode(current) if current else "",
            }

        row = self._rows.change(_CURRENT, switch)
        stands = _column(row, "current")
        if stands is None:
            raise StoreError("advisories.write: the row is gone")
        self._remove(dropped, kept=_blob_names(stands) | _blob_names(_column(row, "previous")))
        return stands

    def _remove(self, dropped: set[str], *, kept: set[str]) -> None:
        """Remove what was superseded twice, and what an update that was killed has left."""
        orphans = set(self._files.names(before=datetime.now(UTC) - _ORPHANED))
        for name in (dropped | orphans) - kept:
            self._files.remove(name)


def _stays(current: ArchivedAdvisories, offered: Advisories, *, allow_older: bool) -> bool:
    if (current.digest, current.java_digest, current.updated_at) == (
        offered.digest,
        offered.java_digest,
        offered.updated_at,
    ):
        return True
    return offered.updated_at < current.updated_at and not allow_older


def _column(row: Row | None, name: str) -> ArchivedAdvisories | None:
    return advisory_json.decode(str(row[name])) if row and row[name] else None


def _blob_names(archived: ArchivedAdvisories | None) -> set[str]:
    return {_blob_name(file) for file in archived.files} if archived else set()


def _blob_name(file: ArchivedFile) -> str:
    return f"{file.packed_digest.hex}.zst"
