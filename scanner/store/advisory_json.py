"""Archived advisories as a column of a row: one JSON text."""

import re
from datetime import datetime
from typing import Annotated

import msgspec

from scanner.advisory_ports import ArchivedAdvisories, ArchivedFile
from scanner.errors import InvalidMessageError, StoreError
from scanner.model import Digest

# It becomes a path: one folder, one file, nothing that leads elsewhere.
_NAME = re.compile(r"[a-z]+(?:-[a-z]+)*/[a-z]+(?:[.-][a-z]+)*")
_MAX_FILES = 16
_MAX_FILE_BYTES = 16 << 30


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    digest: str
    size: int
    packed_digest: str
    packed_size: int


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    digest: str
    java_digest: str
    updated_at: Annotated[datetime, msgspec.Meta(tz=True)]
    is_step_back: bool
    files: tuple[_File, ...]


def encode(archived: ArchivedAdvisories) -> str:
    """Write what is archived."""
    files = tuple(
        _File(
            name=file.name,
            digest=str(file.digest),
            size=file.size,
            packed_digest=str(file.packed_digest),
            packed_size=file.packed_size,
        )
        for file in archived.files
    )
    document = _Document(
        source=archived.source,
        digest=str(archived.digest),
        java_digest=str(archived.java_digest),
        updated_at=archived.updated_at,
        is_step_back=archived.is_step_back,
        files=files,
    )
    return msgspec.json.encode(document).decode()


def decode(text: str) -> ArchivedAdvisories:
    """Read what is archived. Raises StoreError for what is none."""
    try:
        document = msgspec.json.decode(text, type=_Document)
        return ArchivedAdvisories(
            source=document.source,
            digest=Digest(document.digest),
            java_digest=Digest(document.java_digest),
            updated_at=document.updated_at,
            is_step_back=document.is_step_back,
            files=tuple(map(_file, _checked(document.files))),
        )
    except (msgspec.MsgspecError, InvalidMessageError, ValueError) as error:
        raise StoreError(f"advisories.read: {error}") from error


def _checked(files: tuple[_File, ...]) -> tuple[_File, ...]:
    """Return files that may be written below a folder. Raises ValueError."""
    names = {file.name for file in files}
    if not 0 < len(files) <= _MAX_FILES or len(names) != len(files):
        raise ValueError("too many files, or none")
    if not all(map(is_file_name, names)):
        raise ValueError("a file's name leads elsewhere")
    if not all(
        0 <= size <= _MAX_FILE_BYTES for file in files for size in (file.size, file.packed_size)
    ):
        raise ValueError(f"a file is over {_MAX_FILE_BYTES} bytes")
    return files


def is_file_name(name: str) -> bool:
    """Say whether a file of this name may be archived, as in `java-db/trivy-java.db`."""
    return _NAME.fullmatch(name) is not None


def _file(stored: _File) -> ArchivedFile:
    return ArchivedFile(
        name=stored.name,
        digest=Digest(stored.digest),
        size=stored.size,
        packed_digest=Digest(stored.packed_digest),
        packed_size=stored.packed_size,
    )
