"""Policies in Blob Storage: what people put there, and what was in force; which is, in a table."""

import json
import logging
from datetime import datetime
from typing import Final, Self

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from scanner.errors import PushscanError, StoreError
from scanner.model import AppliedPolicy, Digest, TableVersion
from scanner.ports.policies import InForce, with_policy, with_table
from scanner.storage import StorageConnection, storage_errors
from scanner.storage.blobs import BlobFolder
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store.policy_json import read_policy, write_policy

logger = logging.getLogger(__name__)

CONTAINER: Final = "policies"
_TABLE: Final = "policies"
_IN_FORCE = RowKey("shared", "in-force")
_KEPT: Final = "kept"
_MAX_KEPT_BYTES: Final = 64 << 20
_MAX_NAMES: Final = 1_000
_MAX_FAULT_CHARACTERS: Final = 8_000
"""A property holds 32 Ki of them."""


class BlobPolicyFolder:
    """The PolicyFolder port on Blob Storage: container `policies`."""

    def __init__(self, blobs: BlobServiceClient) -> None:
        self._container = blobs.get_container_client(CONTAINER)
        self._blobs = BlobFolder(self._container)

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build it; nothing is contacted before the first call."""
        return cls(storage.blob_service())

    def read(self, name: str, *, max_bytes: int) -> bytes | None:
        """Return a document, or None where there is none. Raises StoreError."""
        return self._blobs.read(name, max_bytes=max_bytes)

    def names(self, folder: str) -> list[str]:
        """Return the names of the documents in a folder, in order. Raises StoreError."""
        with storage_errors(f"{CONTAINER}.list"):
            try:
                listed = []
                for name in self._container.list_blob_names(name_starts_with=f"{folder}/"):
                    listed.append(str(name))
                    if len(listed) > _MAX_NAMES:
                        raise StoreError(f"{CONTAINER}.list: over {_MAX_NAMES} in {folder}")
            except ResourceNotFoundError:
                return []
            return sorted(listed)


class AzurePolicyArchive:
    """The PolicyArchive port on Azure Storage. Safe to use from several threads and processes."""

    def __init__(self, blobs: BlobServiceClient, tables: TableServiceClient) -> None:
        self._kept = BlobFolder(blobs.get_container_client(CONTAINER))
        self._rows = RowTable(tables.get_table_client(_TABLE))

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build the archive; nothing is contacted before the first call."""
        return cls(storage.blob_service(), storage.table_service())

    def in_force(self) -> InForce | None:
        """Return what all workers judge by. Raises StoreError."""
        row = self._rows.read(_IN_FORCE)
        return _read(row) if row is not None else None

    def keep(self, digest: Digest, document: bytes) -> None:
        """Keep a document, which has this digest. Safe to repeat. Raises StoreError."""
        if Digest.of(document) != digest:
            raise ValueError("a document is kept under its own digest")
        if self._kept.create(_name(digest), document, content_type="application/json"):
            logger.info("policy.kept digest=%s bytes=%d", digest, len(document))

    def find(self, digest: Digest) -> bytes | None:
        """Return a document, its digest verified, or None. Raises StoreError."""
        document = self._kept.read(_name(digest), max_bytes=_MAX_KEPT_BYTES)
        if document is not None and Digest.of(document) != digest:
            raise StoreError(f"{CONTAINER}.read: {digest} is another document")
        return document

    def put_in_force(self, policy: AppliedPolicy, *, now: datetime) -> InForce:
        """Have all workers judge by these documents. Safe to repeat. Raises StoreError."""

        def switch(present: Row | None) -> Row:
            return _write(with_policy(_read(present) if present is not None else None, policy, now))

        row = self._rows.change(_IN_FORCE, switch)
        return _read(row) if row is not None else with_policy(None, policy, now)

    def put_table_in_force(self, version: TableVersion) -> InForce | None:
        """Have all workers use this table, unless a newer one of its name is in force."""

        def switch(present: Row | None) -> Row | None:
            return _write(with_table(_read(present), version)) if present is not None else None

        row = self._rows.change(_IN_FORCE, switch)
        return _read(row) if row is not None else None

    def note_fault(self, fault: str) -> None:
        """Note why something is not in force. Raises StoreError."""

        def noted(present: Row | None) -> Row | None:
            if present is None:
                return None
            return {**present, "fault": fault[:_MAX_FAULT_CHARACTERS]}

        self._rows.change(_IN_FORCE, noted)


def _name(digest: Digest) -> str:
    return f"{_KEPT}/{digest.hex}.json"


def _write(standing: InForce) -> Row:
    return {
        "policy": json.dumps(write_policy(standing.policy)),
        "since": to_text(standing.since),
        "fault": standing.fault,
    }


def _read(row: Row) -> InForce:
    try:
        return InForce(
            policy=read_policy(json.loads(str(row["policy"]))),
            since=from_text(str(row["since"])),
            fault=str(row["fault"]),
        )
    except (KeyError, TypeError, ValueError, PushscanError) as error:
        raise StoreError(f"{CONTAINER}.read: the row is not one of ours") from error
