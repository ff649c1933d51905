"""What has been told: one row for each transition and route, so that each is told once.

    (none) -- announced --> queued -- delivered --> sent       (final)
                              |
                              +---- poison queue ---> failed -- put back into the queue --> sent
                              +---- an index speaks for it, or nobody listens --> skipped

A worker takes a lease on the row before it sends. A lease that ran out means that its worker died
while sending; the notice is then sent again under the same id, since a repeat beats a loss.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self

from azure.data.tables import TableServiceClient

from scanner.errors import StoreError
from scanner.model import Transition
from scanner.notify.message import Notice
from scanner.storage import transition_json
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable

LEASE = timedelta(seconds=60)
"""Well over the longest send (webhook.SEND_SECONDS)."""

_MAXIMUM_ERROR_CHARACTERS = 300


class State(StrEnum):
    """How far a notice has come."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One notice in the ledger."""

    state: State
    transition: Transition
    first_queued_at: datetime
    changed_at: datetime
    attempts: int = 0
    last_error: str = ""
    lease_holder: str = ""
    leased_until: datetime | None = None

    @classmethod
    def queued(cls, transition: Transition, now: datetime) -> Self:
        """Begin the entry of a notice."""
        return cls(state=State.QUEUED, transition=transition, first_queued_at=now, changed_at=now)

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


class TableLedger:
    """The ledger in table `notices`, beside the images' rows and with the same partitions."""

    def __init__(self, tables: TableServiceClient) -> None:
        self._rows = RowTable(tables.get_table_client("notices"))

    def find(self, notice: Notice) -> Entry | None:
        """Return the entry of a notice, if it has one. Raises StoreError."""
        row = self._rows.read(_key(notice))
        return _read(row) if row is not None else None

    def change(
        self, notice: Notice, decide: Callable[[Entry | None], Entry | None]
    ) -> Entry | None:
        """Replace an entry by what `decide` makes of it; None leaves it. Raises StoreError."""

        def decide_on_row(present: Row | None) -> Row | None:
            entry = decide(_read(present) if present is not None else None)
            return _write(entry) if entry is not None else None

        row = self._rows.change(_key(notice), decide_on_row)
        return _read(row) if row is not None else None

    def count(self, state: State) -> int:
        """Count the notices in a state. Raises StoreError."""
        return sum(1 for _ in self._rows.select("state eq @state", {"state": state.value}))


def _key(notice: Notice) -> RowKey:
    repository = notice.stream.repository.replace("/", "|")
    return RowKey(f"{notice.stream.registry}|{repository}", notice.id)


def _write(entry: Entry) -> Row:
    return {
        "state": entry.state.value,
        "transition": transition_json.write(entry.transition),
        "first_queued_at": to_text(entry.first_queued_at),
        "changed_at": to_text(entry.changed_at),
        "attempts": entry.attempts,
        "last_error": entry.last_error,
        "lease_holder": entry.lease_holder,
        "leased_until": to_text(entry.leased_until) if entry.leased_until else "",
    }


def _read(row: Row) -> Entry:
    try:
        return Entry(
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
