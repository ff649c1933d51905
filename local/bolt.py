"""Write and read bbolt files, the format of Trivy's `trivy.db`, without Go.

Format source: go.etcd.io/bbolt, `internal/common/page.go`, `meta.go`, `bucket.go` and `inode.go`
(file version 2). All integers are little-endian. The file is an array of pages; a page is a header
(id, flags, count, overflow), then `count` elements of 16 bytes, then the keys and values that
those point at, by an offset from the element itself. A page too long for one slot overflows into
the slots that follow. A bucket is a B+ tree of branch and leaf pages; its value in the parent's
leaf is its root page's id and a sequence, and root 0 means that its only page follows inline.
Pages 0 and 1 are the two metas, each with an FNV-1a checksum of its first 56 bytes.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Protocol, TypeAlias

Node: TypeAlias = "bytes | Mapping[str, Node] | Mapping[bytes, Node]"
Bucket: TypeAlias = "Mapping[str, Node] | Mapping[bytes, Node]"
ReadNode: TypeAlias = "bytes | dict[bytes, ReadNode]"

PAGE_BYTES = 4096
MAX_KEY_BYTES = 32_768  # bbolt `MaxKeySize`
MAX_VALUE_BYTES = (1 << 31) - 2  # bbolt `MaxValueSize`
MAX_READ_BYTES = 256 << 20
_MAX_DEPTH = 32

_BRANCH, _LEAF, _META, _FREELIST = 0x01, 0x02, 0x04, 0x10
_IS_BUCKET = 0x01  # flag of a leaf element

_HEADER = Struct("<QHHI")  # page id, flags, count, overflow
_LEAF_ELEMENT = Struct("<IIII")  # flags, position, key size, value size
_BRANCH_ELEMENT = Struct("<IIQ")  # position, key size, page id
_BUCKET = Struct("<QQ")  # root page id, sequence
_ELEMENT_BYTES = 16  # both kinds

_META_BODY = Struct("<IIIIQQQQQ")  # magic version page-size flags root sequence freelist end txid
_CHECKSUM = Struct("<Q")
_MAGIC, _VERSION = 0xED0CDAED, 2
_FREELIST_PAGE, _FIRST_DATA_PAGE = 2, 3


def write(path: Path, tree: Bucket) -> None:
    """Write a whole bbolt file; a mapping becomes a bucket, bytes become a value.

    An existing file is replaced at once, never changed in place: readers map it into memory.

    Raises:
        ValueError: A key is empty, too long or there twice; a value is too long; buckets lie too
            deep; or something is neither a mapping nor bytes.
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


def read(path: Path, *, max_bytes: int = MAX_READ_BYTES) -> dict[bytes, ReadNode]:
    """Read a whole bbolt file that nobody is writing to; buckets become dicts.

    The file is not trusted. Each byte of it may be used once, as in every file that bbolt writes,
    so the work and the memory are bounded by its size, whatever its pages point at.

    Raises:
        ValueError: It is longer than `max_bytes`, or is not a well-formed bbolt file.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        untrusted_file = file.read(max_bytes + 1)
    if len(untrusted_file) > max_bytes:
        raise ValueError(f"bbolt file of more than {max_bytes} bytes")
    return _Reader(untrusted_file).root()


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
        return _LEAF_ELEMENT.pack(self.is_bucket, position, len(self.key), len(self.value))


@dataclass(frozen=True, slots=True)
class _BranchElement:
    key: bytes
    page: int

    @property
    def data(self) -> bytes:
        return self.key

    def describe(self, position: int) -> bytes:
        return _BRANCH_ELEMENT.pack(position, len(self.key), self.page)


def _page(page: int, flags: int, elements: Sequence[_Element]) -> bytes:
    described, data = [], []
    position = _ELEMENT_BYTES * len(elements)
    for index, element in enumerate(elements):
        described.append(element.describe(position - _ELEMENT_BYTES * index))
        data.append(element.data)
        position += len(data[-1])
    overflow = (_HEADER.size + position - 1) // PAGE_BYTES
    return _HEADER.pack(page, flags, len(elements), overflow) + b"".join(described + data)


def _padded(page: bytes) -> bytes:
    return page + bytes(-len(page) % PAGE_BYTES)


def _size(elements: Sequence[_Element]) -> int:
    return _HEADER.size + sum(_ELEMENT_BYTES + len(element.data) for element in elements)


def _write_pages(file: BinaryIO, tree: Bucket) -> None:
    file.seek(_FIRST_DATA_PAGE * PAGE_BYTES)
    root = _write_tree(file, _elements(file, tree, depth=0))
    end = file.tell() // PAGE_BYTES
    file.seek(0)
    for transaction in (0, 1):
        body = _META_BODY.pack(
            _MAGIC, _VERSION, PAGE_BYTES, 0, root, 0, _FREELIST_PAGE, end, transaction
        )
        checksum = _CHECKSUM.pack(_fnv1a_64(body))
        file.write(_padded(_HEADER.pack(transaction, _META, 0, 0) + body + checksum))
    file.write(_padded(_page(_FREELIST_PAGE, _FREELIST, ())))


def _elements(file: BinaryIO, tree: Bucket, *, depth: int) -> list[_LeafElement]:
    """Write the pages of all buckets below this one; return its own leaf elements in key order."""
    if depth >= _MAX_DEPTH:
        raise ValueError(f"buckets nested more than {_MAX_DEPTH} deep")
    nodes = sorted(((_key(key), node) for key, node in tree.items()), key=lambda item: item[0])
    if any(one == next_one for (one, _), (next_one, _) in pairwise(nodes)):
        raise ValueError("the same key as text and as bytes")
    return [_leaf_element(file, key, node, depth=depth) for key, node in nodes]


def _leaf_element(file: BinaryIO, key: bytes, node: Node, *, depth: int) -> _LeafElement:
    if isinstance(node, Mapping):
        elements = _elements(file, node, depth=depth + 1)
        return _LeafElement(key, _bucket_value(file, elements), is_bucket=True)
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


def _bucket_value(file: BinaryIO, elements: Sequence[_LeafElement]) -> bytes:
    # bbolt inlines a bucket without sub-buckets of up to a quarter page (`Bucket.inlineable`).
    if _size(elements) <= PAGE_BYTES // 4 and not any(e.is_bucket for e in elements):
        return _BUCKET.pack(0, 0) + _page(0, _LEAF, elements)
    return _BUCKET.pack(_write_tree(file, elements), 0)


def _write_tree(file: BinaryIO, elements: Sequence[_LeafElement]) -> int:
    """Write one bucket's B+ tree, leaves first; return its root page."""
    level = [_append(file, _LEAF, chunk) for chunk in _chunks(elements, at_least=1)]
    while len(level) > 1:
        level = [_append(file, _BRANCH, chunk) for chunk in _chunks(level, at_least=2)]
    return level[0].page


def _append(file: BinaryIO, flags: int, elements: Sequence[_Element]) -> _BranchElement:
    page = file.tell() // PAGE_BYTES
    file.write(_padded(_page(page, flags, elements)))
    return _BranchElement(elements[0].key if elements else b"", page)


def _chunks(elements: Sequence[_Element], *, at_least: int) -> Iterator[Sequence[_Element]]:
    """Fill pages in order. A branch has two children at least, or the levels would not end."""
    start, used = 0, _HEADER.size
    for index, element in enumerate(elements):
        size = _ELEMENT_BYTES + len(element.data)
        is_full = used + size > PAGE_BYTES and index - start >= at_least
        if is_full and len(elements) - index >= at_least:
            yield elements[start:index]
            start, used = index, _HEADER.size
        used += size
    yield elements[start:]


def _fnv1a_64(data: bytes) -> int:
    checksum = 0xCBF29CE484222325
    for byte in data:
        checksum = ((checksum ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return checksum


class _Reader:
    """Walks untrusted pages; every position is checked and every byte used at most once."""

    def __init__(self, untrusted_file: bytes) -> None:
        self._file = untrusted_file
        self._unused = len(untrusted_file)
        self._page_bytes, self._root = _newest_meta(untrusted_file)

    def root(self) -> dict[bytes, ReadNode]:
        return dict(self._walk(self._file, self._root * self._page_bytes, depth=0))

    def _walk(self, untrusted: bytes, at: int, *, depth: int) -> Iterator[tuple[bytes, ReadNode]]:
        _, flags, count, _ = _HEADER.unpack(self._take(untrusted, at, _HEADER.size))
        if depth > 2 * _MAX_DEPTH or flags not in {_BRANCH, _LEAF}:
            raise ValueError(f"page with flags {flags:#x} at depth {depth}")
        for element in range(at + _HEADER.size, at + _HEADER.size * (count + 1), _ELEMENT_BYTES):
            described = self._take(untrusted, element, _ELEMENT_BYTES)
            if flags == _BRANCH:
                _, _, page = _BRANCH_ELEMENT.unpack(described)
                yield from self._walk(self._file, page * self._page_bytes, depth=depth + 1)
                continue
            kind, position, key_size, value_size = _LEAF_ELEMENT.unpack(described)
            key = self._take(untrusted, element + position, key_size)
            value_at = element + position + key_size
            if kind & _IS_BUCKET:
                yield key, dict(self._bucket(untrusted, value_at, value_size, depth=depth + 1))
            else:
                yield key, self._take(untrusted, value_at, value_size)

    def _bucket(
        self, untrusted: bytes, at: int, size: int, *, depth: int
    ) -> Iterator[tuple[bytes, ReadNode]]:
        root, _ = _BUCKET.unpack(self._take(untrusted, at, _BUCKET.size))
        if root:
            return self._walk(self._file, root * self._page_bytes, depth=depth)
        return self._walk(untrusted[at : at + size], _BUCKET.size, depth=depth)

    def _take(self, untrusted: bytes, at: int, size: int) -> bytes:
        self._unused -= size
        if at + size > len(untrusted) or self._unused < 0:
            raise ValueError("a page points outside the file, or at bytes already used")
        return untrusted[at : at + size]


def _newest_meta(untrusted_file: bytes) -> tuple[int, int]:
    """Return page size and root page of the valid meta with the highest transaction id."""
    metas = []
    # The second meta's place depends on the page size, which a torn first meta may not tell.
    for at in (0, *(1 << power for power in range(9, 17))):
        body = untrusted_file[at + _HEADER.size :][: _META_BODY.size]
        checksum = untrusted_file[at + _HEADER.size + _META_BODY.size :][: _CHECKSUM.size]
        if checksum != _CHECKSUM.pack(_fnv1a_64(body)):
            continue
        magic, version, page_bytes, _, root, _, _, _, transaction = _META_BODY.unpack(body)
        if (magic, version) == (_MAGIC, _VERSION) and at in {0, page_bytes}:
            metas.append((transaction, page_bytes, root))
    if not metas:
        raise ValueError("not a bbolt file")
    _, page_bytes, root = max(metas)
    return page_bytes, root
