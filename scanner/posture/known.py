"""Answers that may be missing: what could not be read is never taken for a yes or a no."""

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Unknown:
    """In place of a value: why it is not known."""

    why: str


Answer: TypeAlias = _T | Unknown
