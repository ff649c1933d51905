"""Files by name, in a folder or in an archive that is never unpacked."""

import os
import posixpath
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from scanner.errors import NoImageError
from scanner.layers import Entry, Kind, UnreadableArchiveError, normal_path, placed

_CHUNK_BYTES: Final = 1 << 20
_MAX_ENTRIES: Final = 100_000
_MAX_LINKS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some bytes of a file on this machine."""

    path: Path
    offset: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield its bytes, a MiB at a time. Raises NoImageError."""
        left = self.size
        try:
            with os.fdopen(_open(self.path), "rb") as file:
                file.seek(self.offset)
                while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise NoImageError(f"{self.path} cannot be read: {error.strerror}") from error
        if left:
            raise NoImageError(f"{self.path} was cut while it was read")

    def read(self, limit: int) -> bytes:
        """Return its bytes, or the first `limit` + 1 of more. Raises NoImageError."""
        part = Part(path=self.path, offset=self.offset, size=min(self.size, limit + 1))
        return b"".join(part.chunks())


class Files(Protocol):
    """Finds files by their names, which are paths with `/` from the root."""

    def find(self, untrusted_name: str) -> Part | None:
        """Return a file, or None where there is none. Raises NoImageError."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on this machine."""

    root: Path

    def find(self, untrusted_name: str) -> Part | None:
        """Return a plain file of the folder."""
        name = normal_path(untrusted_name)
        if "\0" in name:
            return None
        path = self.root / name
        try:
            descriptor = _open(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NoImageError(f"{path} cannot be read: {error.strerror}") from error
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NoImageError(f"{path} is no plain file")
        return Part(path=path, offset=0, size=status.st_size)


@dataclass(frozen=True, slots=True)
class Archive:
    """A tar archive, by the places of its files."""

    parts: Mapping[str, Part]
    links: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> "Archive":
        """List an archive. Raises NoImageError for what is none, or holds too much."""
        parts: dict[str, Part] = {}
        links: dict[str, str] = {}
        try:
            for number, member in enumerate(placed(path), 1):
                if number > _MAX_ENTRIES:
                    raise NoImageError(f"{path} holds more than {_MAX_ENTRIES} files")
                entry = member.entry
                name = normal_path(entry.name)
                if entry.kind is Kind.FILE:
                    parts[name] = Part(path=path, offset=member.contents, size=member.size)
                elif entry.kind in {Kind.SYMBOLIC_LINK, Kind.HARD_LINK}:
                    # How `docker save` wrote a layer that was there already.
                    links[name] = _target(name, entry)
        except UnreadableArchiveError as error:
            if _is_compressed(path):
                raise NoImageError(f"{path} is compressed: unpack it first") from error
            raise NoImageError(f"{path} is no tar archive: {error}") from error
        except OSError as error:
            raise NoImageError(f"{path} cannot be read: {error.strerror}") from error
        return cls(parts, links)

    def find(self, untrusted_name: str) -> Part | None:
        """Return a file of the archive, through the archive's own links."""
        name = normal_path(untrusted_name)
        for _ in range(_MAX_LINKS):
            if name not in self.links:
                break
            name = self.links[name]
        return self.parts.get(name)


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4).startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zX"))


def _target(name: str, entry: Entry) -> str:
    if entry.kind is Kind.HARD_LINK:
        return normal_path(entry.link)
    return normal_path(posixpath.join(posixpath.dirname(name), entry.link))


def _open(path: Path) -> int:
    # A link may lead anywhere, and whoever opens a pipe waits for somebody to write.
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
