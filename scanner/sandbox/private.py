"""The directory of one run without namespaces: what it is given by name, and where it may write."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scanner.errors import SandboxUnavailableError
from scanner.removal import remove_tree
from scanner.sandbox.outcome import Limits, Stopped
from scanner.sandbox.watchdog import descendants

_TEMPORARY = "tmp"
_BLOCK_BYTES = 512  # st_blocks, stat(2)
_DELETED = " (deleted)"  # proc_pid_maps(5)


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

    def excess(self, launcher: int, limits: Limits) -> Stopped | None:
        """Judge what the program keeps on disk: there is no file system of a given size for it.

        Counted are files in the directory, and those without a name that a process has open. What
        is neither, but still mapped, has no size that can be told: no scanner does that.
        """
        counted = 0
        open_files: set[tuple[int, int]] = set()
        for files, size in enumerate(self._sizes(), 1):
            counted += size
            if counted > limits.temporary_bytes or files > limits.temporary_files:
                return Stopped.DISK_LIMIT
        for pid in descendants(launcher):
            if self._maps_deleted_file(pid):
                return Stopped.DISK_LIMIT
            for status in _open_nameless_files(pid):
                if (status.st_dev, status.st_ino) not in open_files:
                    open_files.add((status.st_dev, status.st_ino))
                    counted += status.st_blocks * _BLOCK_BYTES
        return Stopped.DISK_LIMIT if counted > limits.temporary_bytes else None

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
                yield 1 << 62

    def _maps_deleted_file(self, pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123 - 20 times a second
                return any(
                    line.rstrip("\n").endswith(_DELETED) and f" {self.temporary}/" in line
                    for line in maps
                )
        except OSError:
            return False


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


def _open_nameless_files(pid: int) -> Iterable[os.stat_result]:
    """Yield what a process has open and nobody finds by name; nothing where we may not look."""
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as descriptors:
        for descriptor in descriptors:
            with suppress(OSError):
                status = os.stat(descriptor.path)  # noqa: PTH116 - 20 times a second
                if status.st_nlink == 0:
                    yield status
