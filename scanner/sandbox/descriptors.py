"""Files and descriptors that are handed to a run, and closed after it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from scanner.errors import SandboxUnavailableError

_TEMPORARY = "/tmp"  # noqa: S108 - a path inside
NO_FILES: Final[Mapping[str, Path]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a run may use of the host's files: path inside -> path on the host."""

    read_only: Mapping[str, Path] = field(default_factory=dict)
    writable: Mapping[str, Path] = field(default_factory=dict)
    """Single files."""

    def __post_init__(self) -> None:
        """Refuse a path below another: nothing is mounted on, or made in, a hostile tree.

        CVE-2026-87766 is what comes of it.
        """
        inside = [PurePosixPath(path) for path in (*self.read_only, *self.writable, _TEMPORARY)]
        for one, other in combinations(inside, 2):
            if one.is_relative_to(other) or other.is_relative_to(one):
                raise ValueError(f"{one} and {other} would be one in the other")


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Hold a file or directory, whatever its path means later; without a right to read it.

    Raises:
        SandboxUnavailableError: it is not there.
    """
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise SandboxUnavailableError(f"cannot open {path}: {error.strerror}") from error
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def piped(content: bytes) -> Iterator[int]:
    """Offer bytes to a child; at most 64 KiB, which a pipe holds without a reader."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(content)
        yield reading
    finally:
        os.close(reading)


def drained(fd: int, most: int) -> bytes:
    """Take what is in a pipe, up to so many bytes, without waiting for more.

    Nothing, too, when nobody wrote and some other thread's fork still holds the writing end.
    """
    os.set_blocking(fd, False)
    try:
        return os.read(fd, most)
    except BlockingIOError:
        return b""
