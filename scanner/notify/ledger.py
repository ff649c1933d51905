"""What has been told: one row for each transition and route, so that each is told once.

    (none) -- announced --> queued -- delivered --> sent       (final)
       |                      |
       |                      +---- tried too often --> failed -- put back into the queue --> sent
       |                      +---- an index speaks for it, or nobody listens --> skipped
       +-- for a digest --> held -- delivered, with all that is due --> sent

A worker takes a lease on the row before it sends. A lease that ran out means that its worker died
while sending; the notice is then sent again under the same id, since a repeat beats a loss.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self

from azure.data.tables import TableServiceClient

from scanner.errors import StoreError
from scanner.model import Stream, Transition
from scanner.notify.message import Notice
from scanner.ports import Undelivered
from scanner.storage import transition_json
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable

LEASE = timedelta(seconds=60)
"""Well over the longest send (mail, 30 seconds)."""

_MAXIMUM_ERROR_CHARACTERS = 300


class State(StrEnum):
    """How far a notice has come."""

    QUEUED = "queued"
    HELD = "held"
    """For a digest, which may have failed before and is tried again."""
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One notice in the ledger."""

    route: str
    state: State
    transition: Transition
    first_queued_at: datetime
    changed_at: datetime
    attempts: int = 0
    last_error: str = ""
    lease_holder: str = ""
    leased_until: datetime | None = None

    @classmethod
    def begun(
        cls, notice: Notice, transition: Transition, now: datetime, *, state: State = State.QUEUED
    ) -> Self:
        """Begin the entry of a notice."""
        return cls(
            route=notice.route,
            state=state,
            transition=transition,
            first_queued_at=now,
            changed_at=now,
        )

    def is_leased_to_another(self, holder: str, now: datetime) -> bool:
        """Whether somebody else is sending it right now."""
        return (
            self.leased_until is not None
            and self.leased_until > now
            and self.lease_holder != holder
        )

    def leased(self, holder: str, now: datetime) -> "Entry":
        """Take the lease and count the attempt."""
        return replace(
            self,
            changed_at=now,
            attempts=self.attempts + 1,
            lease_holder=holder,
            leased_until=now + LEASE,
        )

    def unsent(self, now: datetime) -> "Entry":
        """Let go of the lease: nothing was tried, because it was too early."""
        return replace(
            self, changed_at=now, attempts=self.attempts - 1, lease_holder="", leased_until=None
        )

    def settled(self, state: State, now: datetime, *, error: str = "") -> "Entry":
        """Let go of the lease and say how it went."""
        return replace(
            self,
            state=state,
            changed_at=now,
            last_error=error[:_MAXIMUM_ERROR_CHARACTERS] or self.last_error,
            lease_holder="",
            leased_until=None,
        )


class Ledger(Protocol):
    """Entries by notice, changed by compare-and-swap."""

    def find(self, notice: Notice) -> Entry | None:
        """Return the entry of a notice, if it has one. Raises StoreError."""

    def change(
        self, notice: Notice, decide: Callable[[Entry | None], Entry | None]
    ) -> Entry | None:
        """Replace an entry by what `decide` makes of it; None leaves it. Raises StoreError.

        `decide` is pure: it is asked again when somebody else came between. Returns the entry
        that stands afterwards.
        """

    def of_route(self, stream: Stream, route: str) -> Iterable[Entry]:
        """Return a route's entries on the repository of a stream. Raises StoreError."""


class TableLedger:
    """The ledger in table `notices`, beside the images' rows and with the same partitions."""

    def __init__(self, tables: TableServiceClient) -> None:
        self._rows = RowTable(tables.get_table_client("notices"))

    def find(self, notice: Notice) -> Entry | None:
        """Return the entry of a notice, if it has one. Raises StoreError."""
        row = self._rows.read(_key(notice))
        return read_entry(row) if row is not None else None

    def change(
        self, notice: Notice, decide: Callable[[Entry | None], Entry | None]
    ) -> Entry | None:
        """Replace an entry by what `decide` makes of it; None leaves it. Raises StoreError."""

        def decide_on_row(present: Row | None) -> Row | None:
            entry = decide(read_entry(present) if present is not None else None)
            return _write(entry) if entry is not None else None

        row = self._rows.change(_key(notice), decide_on_row)
        return read_entry(row) if row is not None else None

    def of_route(self, stream: Stream, route: str) -> Iterator[Entry]:
        """Yield a route's entries on the repository of a stream. Raises StoreError."""
        wanted = {"partition": _partition(stream), "route": route}
        for _, row in self._rows.select("PartitionKey eq @partition and route eq @route", wanted):
            yield read_entry(row)

    def undelivered(self) -> list[Undelivered]:
        """Return what no channel took, by the names of routes. Raises StoreError."""
        rows = self._rows.select("state eq @state", {"state": State.FAILED.value})
        failed: dict[str, list[Entry]] = defaultdict(list)
        for _, row in rows:
            entry = read_entry(row)
            failed[entry.route].append(entry)
        return [
            Undelivered(
                route=route,
                notices=len(entries),
                last_error=max(entries, key=lambda one: one.changed_at).last_error,
            )
            for route, entries in sorted(failed.items())
        ]


def _key(notice: Notice) -> RowKey:
    return RowKey(_partition(notice.stream), notice.id)


def _partition(stream: Stream) -> str:
    return f"{stream.registry}|{stream.repository.replace('/', '|')}"


def _write(entry: Entry) -> Row:
    return {
        "route": entry.route,
        "state": entry.state.value,
        "transition": transition_json.write(entry.transition),
        "first_queued_at": to_text(entry.first_queued_at),
        "changed_at": to_text(entry.changed_at),
        "attempts": entry.attempts,
        "last_error": entry.last_error,
        "lease_holder": entry.lease_holder,
        "leased_until": to_text(entry.leased_until) if entry.leased_until else "",
    }


def read_entry(row: Row) -> Entry:
    """Read a row. Raises StoreError for one that is not ours."""
    try:
        return Entry(
            route=str(row["route"]),
            state=State(str(row["state"])),
            transition=transition_json.read(str(row["transition"])),
            first_queued_at=from_text(str(row["first_queued_at"])),
            changed_at=from_text(str(row["changed_at"])),
            attempts=int(row["attempts"]),
            last_error=str(row["last_error"]),
            lease_holder=str(row["lease_holder"]),
            leased_until=from_text(str(row["leased_until"])) if row["leased_until"] else None,
        )
    except (KeyError, ValueError) as error:
        raise StoreError("notices.read: a row is not one of ours") from error
