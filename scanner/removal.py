"""Remove a directory tree that a hostile program has made."""

import os
from contextlib import suppress
from pathlib import Path


def remove_tree(root: Path) -> None:
    """Remove a directory with all that is in it; what cannot be removed stays.

    Trees may be deeper than Python recurses and than a path can tell, and closed to their owner:
    each directory is moved to the top before it is looked into. Symbolic links are not followed.
    Nobody else may write to the tree any more.
    """
    mark = os.urandom(8).hex()
    moved = 0
    waiting = [root]
    while waiting:
        directory = waiting.pop()
        for entry in _entries(directory):
            if not entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    Path(entry).unlink()
                continue
            top = Path(entry) if directory == root else root / f".{mark}-{moved}"
            moved += 1
            with suppress(OSError):
                Path(entry).chmod(0o700)
                waiting.append(Path(entry).rename(top))
        if directory != root:
            with suppress(OSError):
                directory.rmdir()
    with suppress(OSError):
        root.rmdir()


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(directory) as entries:
        return list(entries)
    return []
