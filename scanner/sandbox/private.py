"""The directory of one run without namespaces: what it is given by name, and where it may write."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scanner.errors import SandboxUnavailableError
from scanner.removal import remove_tree
from scanner.sandbox.nameless import ENDLESS, NamelessFiles
from scanner.sandbox.outcome import Limits, Stopped

_TEMPORARY = "tmp"
_BLOCK_BYTES = 512  # st_blocks, stat(2)
_FREE_BYTES = 64 << 20  # what is not counted, or not in time, must not fill the host's disk


@dataclass(frozen=True, slots=True)
class PrivateDirectory:
    """The working directory of a run, which the program cannot write to but for `temporary`."""

    path: Path

    @property
    def temporary(self) -> Path:
        """Where the program may write."""
        return self.path / _TEMPORARY

    def lend_temporary(self, uid: int) -> None:
        """Give the writable part to the program's user."""
        os.chown(self.temporary, uid, -1)

    def excess(self, launcher: int, limits: Limits, nameless: NamelessFiles) -> Stopped | None:
        """Judge what the program keeps on disk: there is no file system of a given size for it.

        Raises:
            SandboxUnavailableError: the host's disk is full, whoever filled it, or the kernel does
                not let us see what the program holds.
        """
        counted = 0
        for files, size in enumerate(self._sizes(), 1):
            counted += size
            if counted > limits.temporary_bytes or files > limits.temporary_files:
                return Stopped.DISK_LIMIT
        # After those with a name: what loses it meanwhile counts twice, and not never.
        if counted + nameless.bytes_below(launcher) > limits.temporary_bytes:
            return Stopped.DISK_LIMIT
        disk = os.statvfs(self.path)
        if disk.f_bavail * disk.f_frsize < _FREE_BYTES:
            raise SandboxUnavailableError(f"less than {_FREE_BYTES >> 20} MiB are free for scans")
        return None

    def _sizes(self) -> Iterator[int]:
        """Yield the size of each file; endless, so to say, where the program hides something."""
        waiting = [str(self.temporary)]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        with suppress(FileNotFoundError):
                            yield entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                            if entry.is_dir(follow_symlinks=False):
                                waiting.append(entry.path)
            except FileNotFoundError:
                continue  # removed meanwhile
            except OSError:
                # Closed to us, or deeper than a path can tell: made so that nobody looks.
                yield ENDLESS


@contextmanager
def private_directory(parent: Path, inputs: Mapping[str, Path]) -> Iterator[PrivateDirectory]:
    """Make the directory of one run, and remove it with all that the program left in it.

    Args:
        parent: Where to make it.
        inputs: Name in the directory -> path on the host. Links, because there are no mounts; what
            they lead to is what the program must be let read.

    Raises:
        SandboxUnavailableError: it cannot be made.
    """
    try:
        path = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    except OSError as error:
        raise SandboxUnavailableError(f"cannot write to {parent}: {error.strerror}") from error
    try:
        _furnish(path, inputs)
        yield PrivateDirectory(path)
    finally:
        remove_tree(path)


def _furnish(path: Path, inputs: Mapping[str, Path]) -> None:
    try:
        (path / _TEMPORARY).mkdir(mode=0o700)
        for name, target in inputs.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).symlink_to(target.absolute())
    except OSError as error:
        raise SandboxUnavailableError(f"cannot write to {path}: {error.strerror}") from error
