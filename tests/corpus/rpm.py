"""rpm's package databases, written as rpm writes them: SQLite, NDB, Berkeley DB, and a plain list.

Formats: rpm's manual, "RPM Package format" (header structure) and "Header tags"; rpm 4.17,
`lib/backend/sqlite.c` and `lib/backend/ndb/rpmpkg.c`; Berkeley DB 5.3, `src/dbinc/db_page.h`.
"""

import sqlite3
import struct
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_INT32, _STRING, _STRING_ARRAY = 4, 6, 8
_NAME, _VERSION, _RELEASE, _EPOCH, _VENDOR = 1000, 1001, 1002, 1003, 1011
_LICENCE, _ARCHITECTURE, _SOURCE = 1014, 1022, 1044
_DIRECTORY_INDEXES, _BASE_NAMES, _DIRECTORY_NAMES = 1116, 1117, 1118

_NDB_BLOCK = 16
_NDB_PAGE = 4096
_BDB_PAGE = 4096
_BDB_HEADER = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class RpmPackage:
    """An installed package."""

    name: str
    version: str
    release: str
    vendor: str
    epoch: int = 0
    licence: str = "MIT"
    files: tuple[str, ...] = ()

    @property
    def fact(self) -> str:
        """Its name and version, as facts write them."""
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{self.name} {epoch}{self.version}-{self.release}"

    @property
    def source(self) -> str:
        """The file name of its source package."""
        return f"{self.name}-{self.version}-{self.release}.src.rpm"

    def header(self) -> bytes:
        """Return its record in a database: index of tags, then their values."""
        folders = sorted({file.rpartition("/")[0] + "/" for file in self.files})
        values: list[tuple[int, int, Sequence[int] | Sequence[str]]] = [
            (_NAME, _STRING, [self.name]),
            (_VERSION, _STRING, [self.version]),
            (_RELEASE, _STRING, [self.release]),
            (_EPOCH, _INT32, [self.epoch]),
            (_VENDOR, _STRING, [self.vendor]),
            (_LICENCE, _STRING, [self.licence]),
            (_ARCHITECTURE, _STRING, ["x86_64"]),
            (_SOURCE, _STRING, [self.source]),
        ]
        if self.files:
            indexes = [folders.index(file.rpartition("/")[0] + "/") for file in self.files]
            names = [file.rpartition("/")[2] for file in self.files]
            values += [
                (_DIRECTORY_INDEXES, _INT32, indexes),
                (_BASE_NAMES, _STRING_ARRAY, names),
                (_DIRECTORY_NAMES, _STRING_ARRAY, folders),
            ]
        index, data = b"", b""
        for tag, kind, items in values:
            if kind == _INT32:
                data += bytes(-len(data) % 4)
            index += struct.pack(">IIII", tag, kind, len(data), len(items))
            for item in items:
                data += struct.pack(">i", item) if isinstance(item, int) else f"{item}\0".encode()
        return struct.pack(">II", len(values), len(data)) + index + data


def sqlite_database(packages: Sequence[RpmPackage]) -> bytes:
    """Return rpmdb.sqlite, with the journal mode that rpm leaves behind in an image."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "rpmdb.sqlite")
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
            database.executemany(
                "INSERT INTO Packages (blob) VALUES (?)",
                [(package.header(),) for package in packages],
            )
            database.commit()
        return path.read_bytes()


def ndb_database(packages: Sequence[RpmPackage]) -> bytes:
    """Return Packages.db: a header, one page of slots, then blobs in blocks of 16 bytes."""
    slots, blobs = b"", b""
    for number, package in enumerate(packages, 1):
        header = package.header()
        padded = header + bytes(-len(header) % _NDB_BLOCK)
        head = struct.pack("<4sIII", b"BlbS", number, zlib.adler32(header), len(header))
        tail = struct.pack("<III4s", 0, zlib.adler32(header), len(header), b"BlbE")
        blob = head + padded + tail
        offset = (_NDB_PAGE + len(blobs)) // _NDB_BLOCK
        slots += struct.pack("<4sIII", b"Slot", number, offset, len(blob) // _NDB_BLOCK)
        blobs += blob
    head = struct.pack("<4sIII16x", b"RpmP", 0, 1, 1)
    free = (_NDB_PAGE - len(head) - len(slots)) // 16
    return head + slots + struct.pack("<4sIII", b"Slot", 0, 0, 0) * free + blobs


def bdb_database(packages: Sequence[RpmPackage]) -> bytes:
    """Return Packages: a hash table of one bucket whose values lie on overflow pages."""
    key_size, value_size = 5, 12
    entries, values, overflow = [], b"", b""
    at, page = _BDB_PAGE, 2
    for number, package in enumerate(packages, 1):
        header = package.header()
        for item in (
            struct.pack("<BI", 1, number),
            struct.pack("<B3xII", 3, page, len(header)),
        ):
            at -= len(item)
            entries.append(at)
            values = item + values
        pages = _overflow(header, page)
        overflow += pages
        page += len(pages) // _BDB_PAGE
    assert len(values) == len(packages) * (key_size + value_size)  # both as the format has it
    bucket = _bdb_page(1, kind=13, entries=len(entries), free=at)
    bucket += struct.pack(f"<{len(entries)}H", *entries)
    return _bdb_metadata(page - 1, len(packages)) + bucket.ljust(at, b"\0") + values + overflow


def _overflow(value: bytes, page: int) -> bytes:
    room = _BDB_PAGE - _BDB_HEADER
    pieces = [value[start : start + room] for start in range(0, len(value), room)]
    written = b""
    for number, piece in enumerate(pieces):
        following = page + number + 1 if number + 1 < len(pieces) else 0
        head = _bdb_page(page + number, kind=7, entries=1, free=len(piece), following=following)
        written += (head + piece).ljust(_BDB_PAGE, b"\0")
    return written


def _bdb_page(number: int, *, kind: int, entries: int, free: int, following: int = 0) -> bytes:
    return struct.pack("<8xIIIHHBB", number, 0, following, entries, free, 0, kind)


def _bdb_metadata(last_page: int, count: int) -> bytes:
    magic, version, kind = 0x61561, 9, 8
    head = struct.pack("<8xIIIIBBBxII", 0, magic, version, _BDB_PAGE, 0, kind, 0, 0, last_page)
    return (head + struct.pack("<IIII", 0, count, count, 0)).ljust(_BDB_PAGE, b"\0")


def manifest(packages: Sequence[RpmPackage]) -> bytes:
    """Return container-manifest-2, what CBL-Mariner leaves in images without a database."""
    return "".join(
        f"{package.name}\t{package.version}-{package.release}\t1600000000\t1600000000\t"
        f"{package.vendor}\t(none)\t1\tx86_64\t{package.epoch}\t{package.source}\n"
        for package in packages
    ).encode()
