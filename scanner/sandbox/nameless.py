"""What a run without a file system of its own keeps on disk, and nobody finds by a name."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from scanner.errors import SandboxUnavailableError
from scanner.sandbox.user import acting_as
from scanner.sandbox.watchdog import descendants, threads

ENDLESS: Final = 1 << 62
"""A size beyond every limit: of what is made so that nobody can tell it."""
_BLIND_LOOKS = 20  # a second; a process cannot be looked into until it is the program
_BLOCK_BYTES = 512  # st_blocks, stat(2)
_DELETED = " (deleted)"  # proc_pid_maps(5)


@dataclass(slots=True, kw_only=True)
class NamelessFiles:
    """Files of one run that are deleted, and open or mapped."""

    directory: str
    """The only place where the program can make a file."""
    uid: int | None
    """User of the program, or None for the worker's own."""
    _has_seen: bool = False
    _blind_looks: int = 0

    def bytes_below(self, launcher: int) -> int:
        """Count what is open, each file once; `ENDLESS` where nobody can tell.

        That is a file which is only mapped, as no scanner does, and a program that was seen once
        and then not for a second, as one that hides in ever new threads.

        Raises:
            SandboxUnavailableError: for a second we have not seen into it, nor ever before: so the
                kernel does not let us.
        """
        processes = list(descendants(launcher))
        sizes: dict[tuple[int, int], int] = {}
        with acting_as(self.uid):
            seen = [self._look_into(pid, sizes) for pid in processes]
        self._has_seen = self._has_seen or any(seen)
        self._blind_looks = 0 if all(seen) else self._blind_looks + 1
        if self._blind_looks < _BLIND_LOOKS:
            return sum(sizes.values())
        if self._has_seen:
            return ENDLESS
        raise SandboxUnavailableError("the kernel does not let us see what a scan has open")

    def _look_into(self, pid: int, sizes: dict[tuple[int, int], int]) -> bool:
        """Add what a process holds. False when none of its threads could be seen to the end.

        By the filter all threads have one table of descriptors. One that has ended shows an empty
        table and no memory, even if it is the first and the others live; it loses its memory first.
        """
        for thread in threads(pid):
            with suppress(OSError):
                found = dict(_open_files(thread))
                is_alive = False
                with open(f"{thread}/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123 - 20 times a second
                    for line in maps:
                        is_alive = True
                        if line.rstrip("\n").endswith(_DELETED) and f" {self.directory}/" in line:
                            found.setdefault((0, 0), ENDLESS)
                if is_alive:
                    sizes.update(found)
                    return True
        return False


def _open_files(thread: str) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield device, inode and size of each deleted file that is open."""
    with os.scandir(f"{thread}/fd") as descriptors:
        for descriptor in descriptors:
            with suppress(FileNotFoundError):  # closed meanwhile
                status = os.stat(descriptor.path)  # noqa: PTH116 - 20 times a second
                if status.st_nlink == 0:
                    yield (status.st_dev, status.st_ino), status.st_blocks * _BLOCK_BYTES
