"""Read a bbolt file a page at a time; it is not trusted.

A file may be larger than the memory, so only the pages on the way are read. Each is checked before
it is used: its id, its kind, that it lies in the file, and that its data lies in it, in order and
once. Keys rise from the first to the last page of a bucket, so no page is passed twice, and what
one call reads is not more than the file is long.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from scanner.bolt.format import (
    BUCKET,
    CHECKSUM,
    HEADER,
    IS_BUCKET,
    MAGIC,
    MAX_DEPTH,
    META_BODY,
    VERSION,
    checksum,
)
from scanner.bolt.page import Budget, Element, Page

ReadNode: TypeAlias = "bytes | dict[bytes, ReadNode]"

MAX_READ_BYTES = 256 << 20
_MAX_PAGE_BYTES = 64 << 20  # a value of trivy.db has some kB; a page holds one that is longer alone
_PAGE_SIZES = tuple(1 << power for power in range(9, 17))
_FIRST_DATA_PAGE = 2


def read(path: Path, *, max_bytes: int = MAX_READ_BYTES) -> dict[bytes, ReadNode]:
    """Read a whole bbolt file that nobody is writing to; buckets become dicts.

    Raises:
        ValueError: It is longer than `max_bytes`, or is not a well-formed bbolt file.
        OSError: The file cannot be read.
    """
    with Database(path) as database:
        if database.size_bytes > max_bytes:
            raise ValueError(f"bbolt file of more than {max_bytes} bytes")
        return database.root.tree()


class Database:
    """A bbolt file that nobody is writing to, open until the context ends."""

    def __init__(self, path: Path) -> None:
        """Open a file and read which state of it is the newest.

        Raises:
            ValueError: It is not a bbolt file, or shorter than it says.
            OSError: The file cannot be read.
        """
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.size_bytes = os.fstat(self._file).st_size
            self._meta = _newest_meta(self._file, self.size_bytes)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)
        self._file = -1

    @property
    def root(self) -> "Bucket":
        """The bucket that holds all others."""
        return Bucket(self, BUCKET.pack(self._meta.root, 0), depth=0)

    def page(self, number: int, budget: Budget) -> Page:
        """Read one page with what overflows from it. Raises ValueError."""
        size, end = self._meta.page_bytes, self._meta.end
        if not _FIRST_DATA_PAGE <= number < end:
            raise ValueError(f"page {number} is outside the file")
        untrusted = os.pread(self._file, size, number * size)
        if len(untrusted) < size:
            raise ValueError(f"page {number} is outside the file")
        found, _, _, overflow = HEADER.unpack_from(untrusted)
        if found != number:
            raise ValueError(f"page {found} in the place of page {number}")
        if number + overflow >= end or overflow * size > _MAX_PAGE_BYTES:
            raise ValueError(f"page {number} overflows outside the file")
        budget.spend(size * (overflow + 1))
        if overflow:
            untrusted += os.pread(self._file, overflow * size, (number + 1) * size)
        return Page(untrusted)


class Bucket:
    """One bucket of a database. It reads when asked, so it serves as long as that is open.

    All that iterates and looks up raises ValueError at what is malformed, and OSError.
    """

    __slots__ = ("_database", "_depth", "_value")

    def __init__(self, database: Database, untrusted_value: bytes, *, depth: int) -> None:
        self._database = database
        self._value = untrusted_value
        self._depth = depth
        if depth > MAX_DEPTH:
            raise ValueError(f"buckets nested more than {MAX_DEPTH} deep")
        if len(untrusted_value) < BUCKET.size:
            raise ValueError(f"bucket of {len(untrusted_value)} bytes")

    def __iter__(self) -> Iterator[bytes]:
        """Go through all keys, in their order."""
        return (key for key, _, _ in self._elements(self._new_budget()))

    def items(self) -> "Iterator[tuple[bytes, bytes | Bucket]]":
        """Go through all keys with their values; a bucket's value is another `Bucket`."""
        for key, kind, value in self._elements(self._new_budget()):
            yield key, self._inner(value) if kind & IS_BUCKET else value

    def tree(self) -> dict[bytes, ReadNode]:
        """Read all that is below into the memory; buckets become dicts. No byte is read twice."""
        return self._tree(self._new_budget())

    def walk(self) -> Iterator[tuple[tuple[bytes, ...], bytes | None]]:
        """Go through all values below, each with the keys that lead to it.

        An empty bucket has no values; it comes with None. No byte is read twice, so that pages
        which several buckets claim cannot multiply the work.
        """
        return self._walk((), self._new_budget())

    def get(self, key: bytes) -> "bytes | Bucket | None":
        """Look up one key: its value, its bucket, or None. Reads one page of each level."""
        page = self._root(self._new_budget())
        for _ in range(MAX_DEPTH):
            if page.is_leaf:
                kind, value = page.find(key)
                return self._inner(value) if value is not None and kind & IS_BUCKET else value
            page = self._database.page(page.child_for(key), self._new_budget())
        raise ValueError(f"pages nested more than {MAX_DEPTH} deep")

    def _new_budget(self) -> Budget:
        return Budget(self._database.size_bytes)

    def _inner(self, untrusted_value: bytes) -> "Bucket":
        return Bucket(self._database, untrusted_value, depth=self._depth + 1)

    def _root(self, budget: Budget) -> Page:
        number, _ = BUCKET.unpack_from(self._value)
        if number:
            return self._database.page(number, budget)
        page = Page(self._value[BUCKET.size :])
        if not page.is_leaf:
            raise ValueError("a branch page inside of a bucket's value")
        return page

    def _elements(self, budget: Budget) -> Iterator[Element]:
        """Go through the leaves from left to right; a key that does not rise ends it."""
        last = b""
        pages = [iter((self._root(budget),))]
        while pages:
            page = next(pages[-1], None)
            if page is None:
                pages.pop()
            elif not page.is_leaf:
                if len(pages) > MAX_DEPTH:
                    raise ValueError(f"pages nested more than {MAX_DEPTH} deep")
                pages.append(self._children(page, budget))
            else:
                elements = page.elements(after=last)
                if elements:
                    yield from elements
                    last = elements[-1][0]
                elif len(pages) > 1:
                    raise ValueError("an empty page below another")

    def _children(self, page: Page, budget: Budget) -> Iterator[Page]:
        return (self._database.page(number, budget) for number in page.children())

    def _tree(self, budget: Budget) -> dict[bytes, ReadNode]:
        return {
            key: self._inner(value)._tree(budget) if kind & IS_BUCKET else value  # noqa: SLF001 - its own class
            for key, kind, value in self._elements(budget)
        }

    def _walk(
        self, above: tuple[bytes, ...], budget: Budget
    ) -> Iterator[tuple[tuple[bytes, ...], bytes | None]]:
        is_empty = True
        for key, kind, value in self._elements(budget):
            is_empty = False
            if kind & IS_BUCKET:
                yield from self._inner(value)._walk((*above, key), budget)  # noqa: SLF001 - its own class
            else:
                yield (*above, key), value
        if is_empty:
            yield above, None


@dataclass(frozen=True, slots=True, order=True)
class _Meta:
    transaction: int
    page_bytes: int
    root: int
    end: int
    """The first page number that is not in use."""


def _newest_meta(file: int, size_bytes: int) -> _Meta:
    """Return the valid meta with the highest transaction id."""
    metas = []
    # The second meta's place depends on the page size, which a torn first meta may not tell.
    for at in (0, *_PAGE_SIZES):
        untrusted = os.pread(file, META_BODY.size + CHECKSUM.size, at + HEADER.size)
        body, claimed = untrusted[: META_BODY.size], untrusted[META_BODY.size :]
        if claimed != checksum(body):
            continue
        magic, version, page_bytes, _, root, _, _, end, transaction = META_BODY.unpack(body)
        if (
            (magic, version) == (MAGIC, VERSION)
            and page_bytes in _PAGE_SIZES
            and at in {0, page_bytes}
        ):
            metas.append(_Meta(transaction, page_bytes, root, end))
    if not metas:
        raise ValueError("not a bbolt file")
    newest = max(metas)
    if newest.end * newest.page_bytes > size_bytes:
        raise ValueError("the last page is outside the file")
    return newest
