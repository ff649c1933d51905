"""One object of ARM JSON whose members are asked for by name; what is not there is Unknown.

In a template an absent property has its documented default, because that is what will be made. In
an answer of ARM it has not been told: an older api-version, or a property that is not shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from scanner.posture.known import Answer, Unknown
from scanner.text import visible

_T = TypeVar("_T")

MAX_TEXT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """The members of one untrusted object."""

    members: Mapping[str, Any]
    is_declared: bool
    """Whether this is a template, and not an answer of ARM."""
    where: str = ""

    def inner(self, name: str) -> "Properties":
        """Return an object within; what is no object has no members."""
        value = self.members.get(name)
        return Properties(
            members=value if isinstance(value, dict) else {},
            is_declared=self.is_declared,
            where=f"{self.where}{name}.",
        )

    def items(self, name: str) -> list["Properties"]:
        """Return the objects of an array, empty when it is absent."""
        value = self.members.get(name)
        entries = value if isinstance(value, list) else []
        return [
            Properties(members=entry, is_declared=self.is_declared, where=f"{self.where}{name}[].")
            for entry in entries
            if isinstance(entry, dict)
        ]

    def text(self, name: str) -> str:
        """Return a string made fit to show, empty when it is absent or no string."""
        value = self.members.get(name)
        return visible(value, MAX_TEXT) if isinstance(value, str) else ""

    def flag(self, name: str, *, default: bool) -> Answer[bool]:
        """Return a boolean; `default` holds for templates alone."""
        value = self.members.get(name)
        if isinstance(value, bool):
            return value
        return self._missing(name, value, default)

    def choice(self, name: str, values: Mapping[str, _T], *, default: _T) -> Answer[_T]:
        """Return what a string stands for, without regard to case, as ARM compares them."""
        value = self.members.get(name)
        if isinstance(value, str):
            for known, meaning in values.items():
                if known.casefold() == value.casefold():
                    return meaning
        return self._missing(name, value, default)

    def _missing(self, name: str, value: object, default: _T) -> Answer[_T]:
        path = f"{self.where}{name}"
        if value is None:
            return default if self.is_declared else Unknown(f"ARM did not tell {path}")
        if is_expression(value):
            return Unknown(f"{path} is computed: {visible(str(value), MAX_TEXT)}")
        return Unknown(f"{path} has a value that no rule knows: {visible(str(value), 60)}")


def is_expression(value: object) -> bool:
    """Whether a template leaves this to be computed when it is deployed."""
    return isinstance(value, str) and value.startswith("[") and not value.startswith("[[")
