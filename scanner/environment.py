"""Reads variables, notes which were asked for, and collects faults instead of raising one."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from scanner.errors import SettingsError
from scanner.model import is_host

_T = TypeVar("_T")
_SECRET = re.compile(r"[!-+\--~]{24,256}")
_MAXIMUM_SECRETS = 2
_SCHEDULE = re.compile(r"[0-9*,/-]+(?: [0-9*,/-]+){5}")
_GLOB = re.compile(r"[a-z0-9._/*?\[\]!-]{1,255}")


class Environment:
    """A set of variables under examination."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.names_read: set[str] = set()
        self._faults: list[str] = []

    def optional(self, name: str) -> str | None:
        """Return a variable without surrounding blanks, or None when it is absent or empty."""
        self.names_read.add(name)
        return self._variables.get(name, "").strip() or None

    def required(self, name: str) -> str:
        """Return a variable; its absence is a fault and reads as empty."""
        value = self.optional(name)
        if value is None:
            self.fault(name, "is missing")
        return value or ""

    def parsed(self, name: str, parse: Callable[[str], _T], default: _T, expected: str) -> _T:
        """Return a variable parsed; a ValueError or KeyError of `parse` is a fault."""
        value = self.optional(name)
        if value is None:
            return default
        try:
            return parse(value)
        except (ValueError, KeyError):
            self.fault(name, f"is not {expected}")
            return default

    def beginning(self, prefix: str) -> dict[str, str]:
        """Return all variables whose names begin with this, but for empty ones."""
        names = [name for name in self._variables if name.startswith(prefix)]
        return {name: value for name in names if (value := self.optional(name)) is not None}

    def secrets(self, name: str, value: str) -> tuple[str, ...]:
        """Split a variable's value into one or two secrets; none when it is empty."""
        secrets = tuple(filter(None, map(str.strip, value.split(","))))
        if value and not 1 <= len(secrets) <= _MAXIMUM_SECRETS:
            self.fault(name, "does not have one or two secrets")
        if not all(map(_SECRET.fullmatch, secrets)):
            self.fault(name, "has a secret that is not 24 to 256 printable characters")
        return secrets

    def fault(self, name: str, problem: str) -> None:
        """Note what is wrong with a variable, never its value: it may be a secret."""
        self._faults.append(f"{name} {problem}")

    def refuse_unread(self, prefix: str) -> None:
        """Call every variable of ours that nobody asked for a fault: it is a misspelt one."""
        for name in sorted(self._variables):
            if name.startswith(prefix) and name not in self.names_read:
                self.fault(name, "is not a setting")

    def raise_faults(self) -> None:
        """Raise one SettingsError that lists every fault, if there is any."""
        if self._faults:
            raise SettingsError("settings: " + "; ".join(self._faults))


def boolean(text: str) -> bool:
    """Parse `true` or `false`. Raises KeyError."""
    return {"true": True, "false": False}[text]


def between(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within bounds, which raises ValueError."""

    def parse(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError(text)
        return number

    return parse


def existing_file(text: str) -> Path | None:
    """Parse the path of a file that is there. Raises ValueError."""
    path = Path(text)
    if not path.is_file():
        raise ValueError(text)
    return path


def schedule(text: str) -> str:
    """Parse the form of an NCRONTAB expression: six fields, seconds first. Raises ValueError."""
    if not _SCHEDULE.fullmatch(text):
        raise ValueError(text)
    return text


def globs(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of globs over repositories. Raises ValueError."""
    found = tuple(filter(None, map(str.strip, text.split(","))))
    if not all(map(_GLOB.fullmatch, found)):
        raise ValueError(text)
    return found


def hosts(text: str) -> frozenset[str]:
    """Parse a comma-separated list of hosts, perhaps with ports. Raises ValueError."""
    found = frozenset(filter(None, map(str.strip, text.split(","))))
    if not all(map(is_host, found)):
        raise ValueError(text)
    return found
