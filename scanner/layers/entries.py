"""Lists what a layer's archive holds, by its headers, as Go's archive/tar reads them.

The scanner and most container runtimes are written in Go, and another opinion on a header would be
a place to hide things.

Format sources: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar
manual, "Basic Tar Format"; Go `archive/tar`, reader.go. File contents are never touched, and no
header longer than a MiB is read, as in Go.
"""

import mmap
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

_BLOCK: Final = 512
_MAX_HEADER_BYTES: Final = 1 << 20  # Go archive/tar, maxSpecialFileSize
_END = bytes(_BLOCK)
_SIZE, _MODE, _NAME, _LINK = slice(124, 136), slice(100, 108), slice(0, 100), slice(157, 257)
_TYPE, _EXTENDED_FLAG, _SPARSE_EXTENDED_FLAG = 156, 482, 504
_MAGIC, _STAR_MAGIC = slice(257, 263), slice(508, 512)
_USTAR_PREFIX, _STAR_PREFIX, _GNU_TIMES = slice(345, 500), slice(345, 476), slice(345, 369)
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK, _GNU_SPARSE = b"x", b"g", b"L", b"K", b"S"
_TELLING = frozenset({_PAX, _LONG_NAME, _LONG_LINK})
_WITHOUT_CONTENTS = frozenset(b"123456")
_OCTAL = re.compile(rb"[0-7]+")
_SPARSE_VERSION, _SPARSE_NAME = "GNU.sparse.major", "GNU.sparse.name"


class UnreadableArchiveError(Exception):
    """Raised for an archive whose headers cannot be read to the end."""


class Kind(Enum):
    """What an entry is. `OTHER` is what neither a scanner nor a container runtime reads."""

    FILE = "0"
    HARD_LINK = "1"
    SYMBOLIC_LINK = "2"
    DIRECTORY = "5"
    DEVICE = "3"
    OTHER = "7"


_KINDS = {
    ord("0"): Kind.FILE,
    ord("1"): Kind.HARD_LINK,
    ord("2"): Kind.SYMBOLIC_LINK,
    ord("3"): Kind.DEVICE,
    ord("4"): Kind.DEVICE,
    ord("5"): Kind.DIRECTORY,
    ord("6"): Kind.DEVICE,
}


class Entry(NamedTuple):
    """One entry; its names are hostile text, undecodable bytes in them are surrogates."""

    name: str
    kind: Kind
    mode: int
    """Permissions of what is neither file nor directory; of those nobody asks."""
    link: str
    """Where a link leads, as it is written."""


class Member(NamedTuple):
    """An entry and where it lies in its archive, in bytes."""

    entry: Entry
    header: int
    contents: int
    size: int


def entries(archive: Path) -> Iterator[Entry]:
    """Yield the entries of an uncompressed archive in their order.

    Raises:
        UnreadableArchiveError: a header is malformed or too long, or the archive ends too early.
    """
    return (member.entry for member in placed(archive))


def placed(archive: Path) -> Iterator[Member]:
    """Yield the entries as `entries` does, with where they lie.

    Of a sparse file it is where those pieces lie that are no zeros.
    """
    with archive.open("rb") as file:
        if not archive.stat().st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                yield from members(data)
            except ValueError as error:
                raise UnreadableArchiveError(f"a header is malformed: {error}") from error


def members(data: mmap.mmap) -> Iterator[Member]:
    """Yield the entries of an archive with their places. Raises as `entries`, or ValueError."""
    offset = 0
    told = _Told()
    while header := data[offset : offset + _BLOCK]:
        if len(header) < _BLOCK:
            raise UnreadableArchiveError("the archive ends within a header")
        if header == _END:
            return
        offset += _BLOCK
        kind = header[_TYPE : _TYPE + 1]
        size = 0 if header[_TYPE] in _WITHOUT_CONTENTS else _number(header[_SIZE])
        if kind in _TELLING:
            told.take(kind, _contents(data, offset, size))
        elif kind != _PAX_GLOBAL:
            size = 0 if header[_TYPE] in _WITHOUT_CONTENTS else told.size(size)
            yield Member(_entry(header, told), offset - _BLOCK, offset, size)
            told = _Told()
        if kind == _GNU_SPARSE:
            offset = _after_sparse_map(data, header, offset)
        if not 0 <= size <= len(data) - offset:
            raise UnreadableArchiveError("the archive ends within a file")
        offset += _padded(size)


class _Told:
    """What headers before an entry's own have told about it, because it is too long for that."""

    __slots__ = ("link", "name", "records")

    def __init__(self) -> None:
        self.name = self.link = ""
        self.records: dict[str, str] = {}

    def take(self, kind: bytes, contents: bytes) -> None:
        """Remember the contents of one such header."""
        if kind == _PAX:
            self.records = _records(contents)
        elif kind == _LONG_NAME:
            self.name = _text(contents)
        else:
            self.link = _text(contents)

    def size(self, short: int) -> int:
        """Return how many bytes follow the header."""
        return int(self.records.get("size") or short)


def _entry(header: bytes, told: _Told) -> Entry:
    records = told.records
    name = told.name or records.get("path") or _short_name(header)
    if _SPARSE_VERSION in records:
        name = records.get(_SPARSE_NAME) or name
    code = header[_TYPE]
    if not code:  # the oldest kind of file, or a directory by its name
        kind = Kind.DIRECTORY if name.endswith("/") else Kind.FILE
    else:
        kind = _KINDS.get(code, Kind.OTHER)
    if kind is Kind.FILE or kind is Kind.DIRECTORY:
        return Entry(name, kind, 0, "")
    link = told.link or records.get("linkpath") or _text(header[_LINK])
    return Entry(name, kind, _number(header[_MODE]), link)


def _short_name(header: bytes) -> str:
    name = _text(header[_NAME])
    magic = header[_MAGIC]
    if magic[:5] != b"ustar":
        return name
    prefix = ""
    if magic == b"ustar\0":
        is_star = header[_STAR_MAGIC] == b"tar\0"
        prefix = _text(header[_STAR_PREFIX if is_star else _USTAR_PREFIX])
    elif header[_GNU_TIMES].strip(b" \x0001234567"):
        # Old GNU headers have times here; where they are none Go takes it for a prefix.
        prefix = _text(header[_USTAR_PREFIX])
    return f"{prefix}/{name}" if prefix else name


def _after_sparse_map(data: mmap.mmap, header: bytes, offset: int) -> int:
    """Skip the blocks in which an old GNU sparse file goes on describing itself."""
    is_extended = header[_EXTENDED_FLAG]
    while is_extended:
        if offset + _BLOCK > len(data):
            raise UnreadableArchiveError("the archive ends within a header")
        is_extended = data[offset + _SPARSE_EXTENDED_FLAG]
        offset += _BLOCK
    return offset


def _contents(data: mmap.mmap, offset: int, size: int) -> bytes:
    if not 0 <= size <= _MAX_HEADER_BYTES or offset + size > len(data):
        raise UnreadableArchiveError("a header is too long")
    return data[offset : offset + size]


def _records(text: bytes) -> dict[str, str]:
    """Read pax records: length, key and value on a line; of equal keys the last one counts."""
    records: dict[str, str] = {}
    while text:
        length, _, _ = text.partition(b" ")
        end = int(length)
        key, separator, value = text[len(length) + 1 : end - 1].partition(b"=")
        if end <= len(length) + 1 or not separator or text[end - 1 : end] != b"\n":
            raise ValueError("not a pax record")
        records[_decoded(key)] = _decoded(value)
        text = text[end:]
    return records


def _number(field: bytes) -> int:
    """Read octal digits, or GNU's big-endian binary behind a set first bit."""
    if _OCTAL.fullmatch(field, 0, len(field) - 1) and field[-1] in b" \0":
        return int(field[:-1], 8)
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.strip(b" \0").partition(b"\0")[0]
    if not digits:
        return 0
    if not _OCTAL.fullmatch(digits):
        raise ValueError("not a number")
    return int(digits, 8)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _text(field: bytes) -> str:
    return _decoded(field.partition(b"\0")[0])


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
