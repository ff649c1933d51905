"""A measurement beside its peer's, the goal it has, and how both are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from rich.table import Table
from rich.text import Text

_COLUMNS: Final = ("ours", "peer", "ratio")
_WHOLE_FROM, _ONE_DECIMAL_FROM = 100, 10


class Subject(StrEnum):
    """What a goal is about."""

    OURS = "ours"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound that one number must keep."""

    subject: Subject
    bound: float
    is_minimum: bool = False

    def is_met_by(self, number: float) -> bool:
        """Say whether a number keeps the bound; the bound itself does."""
        return number >= self.bound if self.is_minimum else number <= self.bound

    def __str__(self) -> str:
        word = "at least" if self.is_minimum else "at most"
        return f"{self.subject} {word} {self.bound:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured twice: by us and by a peer."""

    name: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str = ""
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's; None without a peer to divide by."""
        return self.ours / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is kept; None without a goal."""
        if self.goal is None:
            return None
        number = self.ours if self.goal.subject is Subject.OURS else self.ratio
        return number is not None and self.goal.is_met_by(number)

    def as_json(self) -> dict[str, Any]:
        """Render the row with the numbers as they were measured."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "peer_name": self.peer_name,
            "ratio": self.ratio,
            "goal": str(self.goal) if self.goal else None,
            "met": self.met,
        }


def at_most(bound: float, subject: Subject = Subject.RATIO) -> Goal:
    """Ask for no more than a bound."""
    return Goal(subject=subject, bound=bound)


def at_least(bound: float, subject: Subject = Subject.RATIO) -> Goal:
    """Ask for no less than a bound."""
    return Goal(subject=subject, bound=bound, is_minimum=True)


def table(rows: Iterable[Row], *, title: str) -> Table:
    """Lay rows out for a terminal."""
    shown = Table(title=title, title_justify="left")
    shown.add_column("measured")
    for column in _COLUMNS:
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("peer is")
    shown.add_column("goal")
    shown.add_column("met", no_wrap=True)
    for row in rows:
        shown.add_row(
            row.name,
            f"{spell(row.ours)} {row.unit}",
            f"{spell(row.peer)} {row.unit}" if row.peer is not None else "",
            spell(row.ratio) if row.ratio is not None else "",
            row.peer_name,
            str(row.goal or ""),
            _verdict(row),
        )
    return shown


def spell(number: float) -> str:
    """Write a number with about three digits."""
    decimals = 0 if number >= _WHOLE_FROM else 1 if number >= _ONE_DECIMAL_FROM else 2
    return f"{number:,.{decimals}f}"


def _verdict(row: Row) -> Text:
    if row.met is None:
        return Text("")
    return Text("yes", style="green") if row.met else Text("no", style="red")
