"""A folder for images under examination, and the end of those that dead workers left behind.

A worker that is killed cannot clean up, and an image may be gigabytes: without this, a disk fills.
"""

import fcntl
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scanner.removal import remove_tree

logger = logging.getLogger(__name__)

_LOCK = "lock"
_FORGING = "lock.new"


@dataclass(frozen=True, slots=True)
class Scratch:
    """This process's folder. Whoever finds it unlocked knows that its process is gone."""

    path: Path
    _lock: int
    """Descriptor of the locked file; the kernel closes it with the process."""

    @classmethod
    def claim(cls, parent: Path) -> "Scratch":
        """Make a folder below `parent`, held until the process ends, and remove abandoned ones.

        Raises:
            OSError: `parent` cannot be made, or belongs to somebody else.
        """
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if parent.is_symlink() or parent.stat().st_uid != os.geteuid():
            raise PermissionError(f"{parent} belongs to somebody else")
        for folder in parent.iterdir():
            _remove_if_abandoned(folder)
        path = Path(tempfile.mkdtemp(prefix="worker-", dir=parent))
        # Locked before it has its name: a folder with an unlocked lock is always an abandoned one.
        lock = os.open(path / _FORGING, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (path / _FORGING).rename(path / _LOCK)
        return cls(path, lock)

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        remove_tree(self.path)
        os.close(self._lock)


def _remove_if_abandoned(folder: Path) -> None:
    try:
        with (folder / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(folder)
            logger.warning("scratch.removed folder=%s", folder.name)
    except OSError:
        return  # its process lives, or it is just being made
