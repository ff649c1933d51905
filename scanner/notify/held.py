"""Notices that are held for a digest, one partition a route, and the batch that is being sent.

A batch names its notices in one row: it is made before anything is sent and never changes, so that
a repeat after a crash is the same message.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from azure.data.tables import TableServiceClient

from scanner.errors import InvalidMessageError, StoreError
from scanner.notify.message import Notice, decode, encode
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable

MAX_BATCH: Final = 200
"""As many as a mail names; 64 characters each fit into a row well."""

_TABLE = "digests"
_BATCH: Final = "batch"
"""No notice's id: those are hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A notice, and when the digest is due that it goes with."""

    notice: Notice
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The notices of one digest, how far it has come, and who is at it."""

    ids: tuple[str, ...]
    """In the order of the message."""
    not_before: datetime
    """When it may be tried: others are at it until then, or the server asked for time."""
    attempts: int = 0
    holder: str = ""
    """Who took it last; nobody else may say how it went."""
    is_sent: bool = False
    missing: frozenset[str] = frozenset()
    """Those that were not in the message, as their reports are gone."""


class HeldNotices:
    """Table `digests`."""

    def __init__(self, tables: TableServiceClient) -> None:
        self._rows = RowTable(tables.get_table_client(_TABLE))

    def add(self, notice: Notice, *, due_at: datetime) -> None:
        """Hold a notice. Safe to repeat: the first moment stays. Raises StoreError."""
        row = {"message": encode(notice), "due_at": to_text(due_at)}
        self._rows.change(_key(notice), lambda present: None if present else row)

    def by_route(self) -> Mapping[str, Mapping[str, Held]]:
        """Return all that is held by its id, route by route. Raises StoreError."""
        found: dict[str, dict[str, Held]] = defaultdict(dict)
        for key, row in self._rows.select("", {}):
            found[key.partition].update({} if key.row == _BATCH else {key.row: _held(row)})
        return found

    def remove(self, notice: Notice) -> None:
        """Forget a notice. Raises StoreError."""
        self._rows.remove(_key(notice))

    def change_batch(
        self, route: str, decide: Callable[[Batch | None], Batch | None]
    ) -> Batch | None:
        """Replace a route's batch by what `decide` makes of it; None leaves it.

        Returns what stands then. Raises StoreError.
        """

        def decide_on_row(present: Row | None) -> Row | None:
            batch = decide(_batch(present) if present is not None else None)
            return _write(batch) if batch is not None else None

        row = self._rows.change(RowKey(route, _BATCH), decide_on_row)
        return _batch(row) if row is not None else None

    def close_batch(self, route: str, batch: Batch) -> None:
        """Forget a route's batch, unless it is another by now. Raises StoreError."""
        self._rows.remove_if(RowKey(route, _BATCH), lambda present: _batch(present) == batch)


def _key(notice: Notice) -> RowKey:
    return RowKey(notice.route, notice.id)


def _write(batch: Batch) -> Row:
    return {
        "ids": " ".join(batch.ids),
        "not_before": to_text(batch.not_before),
        "attempts": batch.attempts,
        "holder": batch.holder,
        "is_sent": int(batch.is_sent),
        "missing": " ".join(sorted(batch.missing)),
    }


def _held(row: Row) -> Held:
    try:
        notice = decode(str(row["message"]).encode())
        return Held(notice=notice, due_at=from_text(str(row["due_at"])))
    except (KeyError, ValueError, InvalidMessageError) as error:
        raise StoreError(f"{_TABLE}.read: a row is not one of ours") from error


def _batch(row: Row) -> Batch:
    try:
        return Batch(
            ids=tuple(str(row["ids"]).split()),
            not_before=from_text(str(row["not_before"])),
            attempts=int(row["attempts"]),
            holder=str(row.get("holder", "")),
            is_sent=bool(row["is_sent"]),
            missing=frozenset(str(row.get("missing", "")).split()),
        )
    except (KeyError, ValueError) as error:
        raise StoreError(f"{_TABLE}.read: a batch is not one of ours") from error
