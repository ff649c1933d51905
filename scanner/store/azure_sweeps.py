"""Sweeps in Blob Storage; what the last one was for, in Table Storage."""

import json
import re
from datetime import datetime
from typing import Literal, Self

import msgspec
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from scanner import lookups
from scanner.errors import InvalidMessageError, StoreError
from scanner.model import Digest
from scanner.storage import StorageConnection
from scanner.storage.blobs import BlobFolder
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable
from scanner.store import policy_json
from scanner.sweeping import Inputs, Sweep

_SWEEPS = "sweeps"
_LAST = RowKey("sweeps", "last")
_ID = re.compile(r"[0-9a-f]{32}")
_MAX_BYTES = 16 << 20


class _Base(msgspec.Struct, forbid_unknown_fields=True):
    policy: str
    advisories: str
    advisories_of: str
    began_at: str


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: Literal["pushscan.sweep/v1"]
    id: str
    since: str | None
    keys: str | None
    base: _Base | None
    may_be_older: bool


class AzureSweepStore:
    """The SweepStore port on Azure Storage."""

    def __init__(self, blobs: BlobServiceClient, tables: TableServiceClient) -> None:
        self._sweeps = BlobFolder(blobs.get_container_client(_SWEEPS))
        self._inputs = RowTable(tables.get_table_client(_SWEEPS))

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build the store; nothing is contacted before the first call."""
        return cls(storage.blob_service(), storage.table_service())

    def find(self, sweep_id: str) -> Sweep | None:
        """Return a sweep, or None. Raises StoreError."""
        if not _ID.fullmatch(sweep_id):
            return None
        stored = self._sweeps.read(f"{sweep_id}.json", max_bytes=_MAX_BYTES)
        return _decode(stored) if stored is not None else None

    def save(self, sweep: Sweep) -> None:
        """Keep a sweep; the first of an id stays. Raises StoreError."""
        self._sweeps.create(f"{sweep.id}.json", _encode(sweep), content_type="application/json")

    def inputs(self) -> Inputs | None:
        """Return what verdicts were last brought up to date with. Raises StoreError."""
        row = self._inputs.read(_LAST)
        return _read(row) if row is not None else None

    def set_inputs(self, inputs: Inputs) -> None:
        """Note them, unless they are older than what is noted. Raises StoreError."""
        wanted = _write(inputs)

        def later(present: Row | None) -> Row:
            is_older = present is not None and _read(present).advisories_of > inputs.advisories_of
            return present if present is not None and is_older else wanted

        self._inputs.change(_LAST, later)


def _encode(sweep: Sweep) -> bytes:
    document = _Document(
        schema="pushscan.sweep/v1",
        id=sweep.id,
        since=to_text(sweep.since) if sweep.since else None,
        keys=None if sweep.keys is None else lookups.write(sweep.keys),
        base=_Base(**{name: str(value) for name, value in _write(sweep.base).items()})
        if sweep.base
        else None,
        may_be_older=sweep.may_be_older,
    )
    return msgspec.json.encode(document)


def _decode(stored: bytes) -> Sweep:
    try:
        document = msgspec.json.decode(stored, type=_Document)
        return Sweep(
            id=document.id,
            since=_moment(document.since),
            keys=None if document.keys is None else lookups.read(document.keys),
            base=_read(msgspec.structs.asdict(document.base)) if document.base else None,
            may_be_older=document.may_be_older,
        )
    except (ValueError, msgspec.MsgspecError) as error:
        raise StoreError(f"sweeps.read: {error}") from error


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)


def _write(inputs: Inputs) -> Row:
    return {
        "policy": json.dumps(policy_json.write_policy(inputs.policy)),
        "advisories": str(inputs.advisories),
        "advisories_of": to_text(inputs.advisories_of),
        "began_at": to_text(inputs.began_at),
    }


def _read(row: Row) -> Inputs:
    try:
        return Inputs(
            policy=policy_json.read_policy(json.loads(str(row["policy"]))),
            advisories=Digest(str(row["advisories"])),
            advisories_of=from_text(str(row["advisories_of"])),
            began_at=from_text(str(row["began_at"])),
        )
    except (KeyError, TypeError, ValueError, InvalidMessageError) as error:
        raise StoreError("sweeps.read: the row is not one of ours") from error
