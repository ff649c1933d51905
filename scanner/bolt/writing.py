"""Write a bbolt file from front to back, so that it need not fit into memory."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

from scanner.bolt.format import (
    BRANCH,
    BRANCH_ELEMENT,
    BUCKET,
    ELEMENT_BYTES,
    FREELIST,
    HEADER,
    LEAF,
    LEAF_ELEMENT,
    MAGIC,
    MAX_DEPTH,
    MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
    META,
    META_BODY,
    PAGE_BYTES,
    VERSION,
    checksum,
)

Tree: TypeAlias = (
    "Mapping[str, Node] | Mapping[bytes, Node] | Iterator[tuple[str, Node]]"
    " | Iterator[tuple[bytes, Node]]"
)
Node: TypeAlias = "bytes | Tree"

_FREELIST_PAGE, _FIRST_DATA_PAGE = 2, 3
_INLINE_BYTES = PAGE_BYTES // 4  # bbolt `Bucket.inlineable`


def write(path: Path, tree: Tree) -> None:
    """Write a whole bbolt file.

    An existing file is replaced at once, never changed in place: readers map it into memory.

    Args:
        path: The file.
        tree: A mapping becomes a bucket, bytes become a value. An iterator of pairs becomes a
            bucket as well, of any size: its pairs must come in the order of their keys' bytes.

    Raises:
        ValueError: A key is empty, too long, there twice or out of order; a value is too long;
            buckets lie too deep; or something is neither a bucket nor bytes.
        OSError: The file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            _write_pages(file, tree)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


class _Element(Protocol):
    """What a page holds: 16 bytes that say where its data is, and the data."""

    @property
    def key(self) -> bytes: ...

    @property
    def data(self) -> bytes: ...

    def describe(self, position: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _LeafElement:
    key: bytes
    value: bytes
    is_bucket: bool

    @property
    def data(self) -> bytes:
        return self.key + self.value

    def describe(self, position: int) -> bytes:
        return LEAF_ELEMENT.pack(self.is_bucket, position, len(self.key), len(self.value))


@dataclass(frozen=True, slots=True)
class _BranchElement:
    key: bytes
    page: int

    @property
    def data(self) -> bytes:
        return self.key

    def describe(self, position: int) -> bytes:
        return BRANCH_ELEMENT.pack(position, len(self.key), self.page)


def _page(page: int, flags: int, elements: Sequence[_Element]) -> bytes:
    described, data = [], []
    position = ELEMENT_BYTES * len(elements)
    for index, element in enumerate(elements):
        described.append(element.describe(position - ELEMENT_BYTES * index))
        data.append(element.data)
        position += len(data[-1])
    overflow = (HEADER.size + position - 1) // PAGE_BYTES
    return HEADER.pack(page, flags, len(elements), overflow) + b"".join(described + data)


def _padded(page: bytes) -> bytes:
    return page + bytes(-len(page) % PAGE_BYTES)


def _size(element: _Element) -> int:
    return ELEMENT_BYTES + len(element.data)


def _write_pages(file: BinaryIO, tree: Tree) -> None:
    file.seek(_FIRST_DATA_PAGE * PAGE_BYTES)
    root = _write_tree(file, _elements(file, tree, depth=0))
    end = file.tell() // PAGE_BYTES
    file.seek(0)
    for transaction in (0, 1):
        body = META_BODY.pack(
            MAGIC, VERSION, PAGE_BYTES, 0, root, 0, _FREELIST_PAGE, end, transaction
        )
        file.write(_padded(HEADER.pack(transaction, META, 0, 0) + body + checksum(body)))
    file.write(_padded(_page(_FREELIST_PAGE, FREELIST, ())))


def _elements(file: BinaryIO, tree: Tree, *, depth: int) -> Iterator[_LeafElement]:
    """Give a bucket's own leaf elements in key order, once the pages below each are written."""
    if depth >= MAX_DEPTH:
        raise ValueError(f"buckets nested more than {MAX_DEPTH} deep")
    last = b""
    for key, node in _in_order(tree):
        if key == last:
            raise ValueError(f"the key {key[:100]!r} twice")
        if key < last:
            raise ValueError(f"the key {key[:100]!r} out of order")
        yield _leaf_element(file, key, node, depth=depth)
        last = key


def _in_order(tree: Tree) -> Iterable[tuple[bytes, Node]]:
    if isinstance(tree, Mapping):
        return sorted(((_key(key), node) for key, node in tree.items()), key=lambda item: item[0])
    return ((_key(key), node) for key, node in tree)


def _leaf_element(file: BinaryIO, key: bytes, node: Node, *, depth: int) -> _LeafElement:
    if isinstance(node, Mapping | Iterator):
        value = _bucket_value(file, _elements(file, node, depth=depth + 1))
        return _LeafElement(key, value, is_bucket=True)
    if not isinstance(node, bytes):
        raise ValueError(f"{type(node).__name__} is neither a bucket nor bytes")  # noqa: TRY004 - one error for all that the format cannot hold
    if len(node) > MAX_VALUE_BYTES:
        raise ValueError(f"value of {len(node)} bytes")
    return _LeafElement(key, node, is_bucket=False)


def _key(key: str | bytes) -> bytes:
    encoded = key.encode() if isinstance(key, str) else key
    if not 0 < len(encoded) <= MAX_KEY_BYTES:
        raise ValueError(f"key of {len(encoded)} bytes")
    return encoded


def _bucket_value(file: BinaryIO, elements: Iterator[_LeafElement]) -> bytes:
    """Write a bucket below another; return what stands for it there.

    bbolt puts a bucket without buckets of up to a quarter page into its parent's page.
    """
    first: list[_LeafElement] = []
    used = HEADER.size
    for element in elements:
        first.append(element)
        used += _size(element)
        if used > _INLINE_BYTES or element.is_bucket:
            return BUCKET.pack(_write_tree(file, _chained(first, elements)), 0)
    return BUCKET.pack(0, 0) + _page(0, LEAF, first)


def _chained(first: list[_LeafElement], rest: Iterator[_LeafElement]) -> Iterator[_LeafElement]:
    yield from first
    yield from rest


def _write_tree(file: BinaryIO, elements: Iterator[_LeafElement]) -> int:
    """Write one bucket's B+ tree, leaves first; return its root page."""
    level = [_append(file, LEAF, page) for page in _leaves(elements)]
    while len(level) > 1:
        level = [_append(file, BRANCH, page) for page in _branches(level)]
    return level[0].page


def _append(file: BinaryIO, flags: int, elements: Sequence[_Element]) -> _BranchElement:
    page = file.tell() // PAGE_BYTES
    file.write(_padded(_page(page, flags, elements)))
    return _BranchElement(elements[0].key if elements else b"", page)


def _leaves(elements: Iterator[_LeafElement]) -> Iterator[list[_LeafElement]]:
    """Fill pages in order; a bucket without elements has one empty page."""
    page: list[_LeafElement] = []
    used = HEADER.size
    for element in elements:
        if page and used + _size(element) > PAGE_BYTES:
            yield page
            page, used = [], HEADER.size
        page.append(element)
        used += _size(element)
    yield page


def _branches(children: Sequence[_BranchElement]) -> Iterator[Sequence[_BranchElement]]:
    """Fill pages in order. A branch has two children at least, or the levels would not end."""
    start, used = 0, HEADER.size
    for index, child in enumerate(children):
        is_full = used + _size(child) > PAGE_BYTES and index - start > 1
        if is_full and len(children) - index > 1:
            yield children[start:index]
            start, used = index, HEADER.size
        used += _size(child)
    yield children[start:]
