"""Reads the members of a mapping; every fault is noted, and the reader goes on."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, TypeVar

from scanner.errors import PolicyError, PolicyFault
from scanner.policy.nodes import Listed, Mapped, Node, Scalar

_T = TypeVar("_T")
_E = TypeVar("_E", bound=Enum)
_MAX_ITEMS: Final = 10_000
_MAX_CHARACTERS: Final = 1_000
_SHOWN_CHARACTERS: Final = 40


class Faults:
    """What is wrong in one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[PolicyFault] = []

    def note(self, line: int, field: str, problem: str) -> None:
        """Note one."""
        self._found.append(PolicyFault(file=self.file, line=line, field=field, problem=problem))

    def raise_any(self) -> None:
        """Raise PolicyError with all of them, if there is any."""
        if self._found:
            raise PolicyError(sorted(self._found, key=lambda fault: fault.line))


class Members:
    """A mapping under examination. What is not there or not right reads as the default."""

    def __init__(self, node: Node, field: str, faults: Faults) -> None:
        self.field, self.line, self._faults = field, node.line, faults
        self._read: set[str] = set()
        self._mapped = node if isinstance(node, Mapped) else None
        if self._mapped is None:
            faults.note(node.line, field, "is not a mapping of names to values")

    def __contains__(self, name: str) -> bool:
        return self._node(name) is not None

    def fault(self, name: str, problem: str) -> None:
        """Note what is wrong with a member."""
        line = self._mapped.lines.get(name, self.line) if self._mapped else self.line
        self._faults.note(line, f"{self.field}.{name}" if self.field else name, problem)

    def parsed(self, name: str, parse: Callable[[str], _T], expected: str) -> _T | None:
        """Return one value parsed; a ValueError or KeyError of `parse` is a fault."""
        node = self._node(name)
        if node is None:
            return None
        if not isinstance(node, Scalar) or node.text is None:
            self.fault(name, f"is not {expected}")
            return None
        try:
            return parse(node.text)
        except (ValueError, KeyError):
            self.fault(name, f"is {_shown(node.text)}, not {expected}")
            return None

    def text(self, name: str, *, most: int = _MAX_CHARACTERS) -> str:
        """Return a text that must be there; its absence is a fault and reads as empty."""
        if name not in self:
            self.missing(name)
        return self.parsed(name, _text(most), f"a text of 1 to {most} characters") or ""

    def missing(self, name: str) -> None:
        """Note that a member must be there."""
        if self._mapped is not None:
            self.fault(name, "is missing")

    def one_of(self, name: str, kind: type[_E]) -> _E | None:
        """Return a member of an enumeration, by its value."""
        return self.parsed(name, kind, f"one of {', '.join(str(one.value) for one in kind)}")

    def number(self, name: str, least: int, most: int) -> int | None:
        """Return a whole number within bounds."""
        return self.parsed(name, _within(int, least, most), f"a number from {least} to {most}")

    def fraction(self, name: str, least: float, most: float) -> float | None:
        """Return a number within bounds."""
        expected = f"a number from {least:g} to {most:g}"
        return self.parsed(name, _within(float, least, most), expected)

    def boolean(self, name: str) -> bool | None:
        """Return true or false."""
        return self.parsed(name, {"true": True, "false": False}.__getitem__, "true or false")

    def day(self, name: str) -> datetime | None:
        """Return the end of a day in UTC."""
        return self.parsed(name, _end_of_day, "a day like 2026-12-31")

    def texts(self, name: str, *, most: int = 256) -> tuple[str, ...]:
        """Return a list of texts; one text stands for a list of one."""
        return self.several(name, _text(most), f"a text of 1 to {most} characters")

    def several(self, name: str, parse: Callable[[str], _T], expected: str) -> tuple[_T, ...]:
        """Return a list of values, each once; one value stands for a list of one."""
        node = self._node(name)
        if node is None:
            return ()
        items = node.items if isinstance(node, Listed) else (node,)
        if not 0 < len(items) <= _MAX_ITEMS:
            self.fault(name, f"is not a list of 1 to {_MAX_ITEMS}")
            return ()
        found: dict[_T, None] = {}
        for item in items:
            text = item.text if isinstance(item, Scalar) else None
            try:
                found[parse(text or "")] = None
            except (ValueError, KeyError):
                problem = f"has {_shown(text or '')}, which is not {expected}"
                self._faults.note(item.line, self._inner(name), problem)
        return tuple(found)

    def inner(self, name: str) -> "Members | None":
        """Return a mapping in this one."""
        node = self._node(name)
        return None if node is None else Members(node, self._inner(name), self._faults)

    def each(self, name: str) -> "Iterator[Members]":
        """Yield the mappings of a list."""
        node = self._node(name)
        if node is None or (isinstance(node, Scalar) and node.text is None):
            return
        if not isinstance(node, Listed):
            self.fault(name, "is not a list")
            return
        if len(node.items) > _MAX_ITEMS:
            self.fault(name, f"has more than {_MAX_ITEMS} entries")
            return
        for place, item in enumerate(node.items, 1):
            yield Members(item, f"{self._inner(name)}[{place}]", self._faults)

    def refuse_unread(self) -> None:
        """Call every member that nobody asked for a fault: it is a misspelt one."""
        for name in self._mapped.members if self._mapped else ():
            if name not in self._read:
                known = ", ".join(sorted(self._read))
                self.fault(_shown_name(name), f"is not known here; known are {known}")

    def _inner(self, name: str) -> str:
        return f"{self.field}.{name}" if self.field else name

    def _node(self, name: str) -> Node | None:
        self._read.add(name)
        return self._mapped.members.get(name) if self._mapped else None


def _text(most: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not 0 < len(text) <= most or not text.isprintable():
            raise ValueError(text)
        return text

    return parse


def _within(kind: Callable[[str], _T], least: float, most: float) -> Callable[[str], _T]:
    def parse(text: str) -> _T:
        number = kind(text)
        # Written this way, it refuses what is no number at all.
        if not least <= number <= most:  # type: ignore[operator]  # numbers only
            raise ValueError(text)
        return number

    return parse


def _end_of_day(text: str) -> datetime:
    day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    try:
        return day + timedelta(days=1)
    except OverflowError as error:
        raise ValueError(text) from error


def _shown(text: str) -> str:
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return ascii(cut)


def _shown_name(name: str) -> str:
    return ascii(name[:_SHOWN_CHARACTERS])[1:-1]
