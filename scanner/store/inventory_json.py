"""A layer's inventory as it is stored: JSON in one zstd frame."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import overload

import msgspec

from scanner.errors import InvalidMessageError, StoreError
from scanner.layers import Entry, Kind
from scanner.model import Digest, LayerInventory, Severity, Weakness, WeaknessKind

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_STORED_BYTES = 256 << 20
"""More than the limits of a record and of an archive's names come to."""
_MAX_DOCUMENT_BYTES = 512 << 20
_SCHEMA = "pushscan.inventory/v1"
_LEVEL = 3  # 15 times smaller for a hundredth of what the analysis took


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    diff_id: str
    key: str
    record: str
    unexamined: tuple[str, ...]
    secrets: tuple[tuple[str, str, str, str, int], ...]
    """Rule, severity, title, path, line."""
    files: tuple[str, ...]
    """Names of plain files: nearly all entries, so they have a shorter form."""
    others: tuple[tuple[int, str, str, int, str], ...]
    """All other entries: place among all, name, kind, mode, link."""


def encode(inventory: LayerInventory) -> bytes:
    """Write an inventory. Raises StoreError for one that is too large to be stored."""
    document = _Document(
        schema=_SCHEMA,
        diff_id=str(inventory.diff_id),
        key=inventory.key,
        record=inventory.untrusted_record.decode(),
        unexamined=inventory.unexamined,
        secrets=tuple((s.id, s.severity.name, s.title, s.path, s.line) for s in inventory.secrets),
        files=tuple(_safe(e.name) for e in inventory.entries if e.kind is Kind.FILE),
        others=tuple(
            (place, _safe(e.name), e.kind.value, e.mode, _safe(e.link))
            for place, e in enumerate(inventory.entries)
            if e.kind is not Kind.FILE
        ),
    )
    plain = msgspec.json.encode(document)
    stored = zstd.compress(plain, level=_LEVEL)
    if len(stored) > MAX_STORED_BYTES or len(plain) > _MAX_DOCUMENT_BYTES:
        raise StoreError(f"inventories.write: {inventory.diff_id} is over {MAX_STORED_BYTES} bytes")
    return stored


def decode(stored: bytes) -> LayerInventory:
    """Read an inventory. Raises StoreError for what is none, or later, as its entries are read."""
    with _reading():
        document = _document(stored)
        return LayerInventory(
            diff_id=Digest(document.diff_id),
            key=document.key,
            untrusted_record=document.record.encode(),
            unexamined=document.unexamined,
            secrets=tuple(_secrets(document)),
            entries=_StoredEntries(stored, len(document.files) + len(document.others)),
        )


class _StoredEntries(Sequence[Entry]):
    """A layer's entries, read whenever somebody goes through them.

    Few do, and to read them takes ten times as long as all else; as stored they are small.
    """

    def __init__(self, stored: bytes, count: int) -> None:
        self._stored = stored
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        with _reading():
            return iter(_entries(_document(self._stored)))

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (
        InvalidMessageError,
        KeyError,
        RecursionError,
        ValueError,
        msgspec.MsgspecError,
        zstd.ZstdError,
    ) as error:
        raise StoreError(f"inventories.read: {error}") from error


def _document(stored: bytes) -> _Document:
    frame = zstd.ZstdDecompressor()
    plain = frame.decompress(stored, max_length=_MAX_DOCUMENT_BYTES)
    if not frame.eof or frame.unused_data:
        raise StoreError("inventories.read: the frame is cut, or too large")
    document = msgspec.json.decode(plain, type=_Document)
    if document.schema != _SCHEMA:
        raise StoreError(f"inventories.read: not of schema {_SCHEMA}")
    return document


def _secrets(document: _Document) -> Iterator[Weakness]:
    for rule, severity, title, path, line in document.secrets:
        yield Weakness(
            kind=WeaknessKind.SECRET,
            id=rule,
            severity=Severity[severity],
            title=title,
            path=path,
            line=line,
            layer_diff_id=document.diff_id,
        )


def _entries(document: _Document) -> tuple[Entry, ...]:
    file = Kind.FILE
    files = (
        # Nearly all names are plain, and there may be ten thousand.
        Entry(name if name.isascii() else _plain(name), file, 0, "")
        for name in document.files
    )
    listed: list[Entry] = []
    for place, name, kind, mode, link in document.others:
        listed += islice(files, place - len(listed))
        if len(listed) != place:
            raise ValueError("there are fewer files than were counted")
        listed.append(Entry(_plain(name), Kind(kind), mode, _plain(link)))
    return (*listed, *files)


def _safe(name: str) -> str:
    """Write a name of any bytes as text that JSON can hold."""
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def _plain(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
