"""Table `profiles`: when each profile was last in use by a worker.

A profile names all that an inventory depends on beside its layer. Two of them are in use while a
new version rolls out, or a new index of Java archives does.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from scanner.errors import StoreError
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row, RowKey, RowTable

_TOLD_AGAIN = timedelta(days=1)


class ProfileUses:
    """Who uses what. Safe to use from several threads: at worst a moment is told twice."""

    def __init__(self, rows: RowTable, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._clock = clock
        self._told: dict[str, datetime] = {}

    def note(self, profile: str) -> None:
        """Say that a profile is in use, once a day of this process. Raises StoreError."""
        now = self._clock()
        told = self._told.get(profile)
        if told is None or now - told >= _TOLD_AGAIN:
            self.restart(profile)
            self._told[profile] = now

    def restart(self, profile: str) -> None:
        """Count from now on. Raises StoreError."""
        wanted: Row = {"used_at": to_text(self._clock())}

        def later(present: Row | None) -> Row:
            return max(present or wanted, wanted, key=lambda row: str(row["used_at"]))

        self._rows.change(_key(profile), later)

    def used_at(self, profile: str) -> datetime | None:
        """Return when a profile was last in use, or None where nobody told. Raises StoreError."""
        row = self._rows.read(_key(profile))
        try:
            return from_text(str(row["used_at"])) if row is not None else None
        except (KeyError, ValueError) as error:
            raise StoreError(f"profiles.read: the row of {profile} is not one of ours") from error

    def forget(self, profile: str) -> None:
        """Forget a profile of which nothing is left. Raises StoreError."""
        self._rows.remove(_key(profile))


def _key(profile: str) -> RowKey:
    return RowKey("profiles", profile)
