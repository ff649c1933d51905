"""Descriptors that are handed to a run, and closed after it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scanner.errors import SandboxUnavailableError


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
