"""One page of a file that is not trusted: no offset in it is followed before it is checked."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TypeAlias

from scanner.bolt.format import (
    BRANCH,
    BRANCH_ELEMENT,
    ELEMENT_BYTES,
    HEADER,
    LEAF,
    LEAF_ELEMENT,
)

Element: TypeAlias = tuple[bytes, int, bytes]
"""Key, flags, value."""


class Page:
    """A leaf or a branch with its data; every offset in it is checked before it is followed."""

    __slots__ = ("_count", "_untrusted", "is_leaf")

    def __init__(self, untrusted: bytes) -> None:
        if len(untrusted) < HEADER.size:
            raise ValueError("a page is cut short")
        _, flags, self._count, _ = HEADER.unpack_from(untrusted)
        if flags not in {BRANCH, LEAF}:
            raise ValueError(f"page with flags {flags:#x}")
        if HEADER.size + self._count * ELEMENT_BYTES > len(untrusted):
            raise ValueError(f"{self._count} elements are outside their page")
        self._untrusted = untrusted
        self.is_leaf = flags == LEAF
        if not self.is_leaf and not self._count:
            raise ValueError("a branch page without children")

    def elements(self, *, after: bytes) -> list[Element]:
        """Return what a leaf holds; its keys must rise from `after` on."""
        untrusted, at, used, last = self._untrusted, HEADER.size, self._data_start, after
        size = len(untrusted)
        elements: list[Element] = []
        for kind, position, key_size, value_size in LEAF_ELEMENT.iter_unpack(
            untrusted[at : self._data_start]
        ):
            start = at + position
            middle = start + key_size
            end = middle + value_size
            if start < used or end > size:
                raise ValueError("a page points outside of itself, or at bytes already used")
            key = untrusted[start:middle]
            if key <= last:
                raise ValueError("keys that do not rise")
            elements.append((key, kind, untrusted[middle:end]))
            used, last = end, key
            at += ELEMENT_BYTES
        return elements

    def children(self) -> Iterator[int]:
        """Go through the page numbers of a branch."""
        return (number for _, _, number in self._branches())

    def child_for(self, key: bytes) -> int:
        """Return the number of the page below a branch on which a key would be."""
        index = bisect_right(range(self._count), key, key=self._branch_key)
        _, _, number = BRANCH_ELEMENT.unpack_from(self._untrusted, self._element(max(index - 1, 0)))
        return int(number)

    def find(self, key: bytes) -> tuple[int, bytes | None]:
        """Return flags and value of a leaf's key; no value when it has not got it."""
        index = bisect_left(range(self._count), key, key=self._leaf_key)
        if index == self._count or self._leaf_key(index) != key:
            return 0, None
        at = self._element(index)
        kind, position, key_size, value_size = LEAF_ELEMENT.unpack_from(self._untrusted, at)
        return kind, self._slice(at + position + key_size, value_size)

    @property
    def _data_start(self) -> int:
        return self._element(self._count)

    def _element(self, index: int) -> int:
        return HEADER.size + index * ELEMENT_BYTES

    def _branches(self) -> Iterator[tuple[int, int, int]]:
        elements = self._untrusted[HEADER.size : self._data_start]
        return BRANCH_ELEMENT.iter_unpack(elements)

    def _branch_key(self, index: int) -> bytes:
        at = self._element(index)
        position, size, _ = BRANCH_ELEMENT.unpack_from(self._untrusted, at)
        return self._slice(at + position, size)

    def _leaf_key(self, index: int) -> bytes:
        at = self._element(index)
        _, position, size, _ = LEAF_ELEMENT.unpack_from(self._untrusted, at)
        return self._slice(at + position, size)

    def _slice(self, start: int, size: int) -> bytes:
        if start < self._data_start or start + size > len(self._untrusted):
            raise ValueError("a page points outside of itself")
        return self._untrusted[start : start + size]


class Budget:
    """How many bytes one call may still read."""

    __slots__ = ("_left",)

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes

    def spend(self, size_bytes: int) -> None:
        """Count bytes. Raises ValueError when they are more than the file has."""
        self._left -= size_bytes
        if self._left < 0:
            raise ValueError("pages that are already used lead on")
