import subprocess
import sys
from pathlib import Path

import pytest

from scanner.scratch import Scratch

_CLAIM_AND_DIE = """
import os, sys
from pathlib import Path
from scanner.scratch import Scratch
scratch = Scratch.claim(Path(sys.argv[1]))
(scratch.path / "layer").write_bytes(b"x" * 1000)
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_worker_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """The kernel drops the lock with the process."""
    subprocess.run([sys.executable, "-c", _CLAIM_AND_DIE, tmp_path], check=False, timeout=30)  # noqa: S603 - our own program
    [left] = tmp_path.iterdir()
    assert (left / "layer").exists()
    scratch = Scratch.claim(tmp_path)
    assert list(tmp_path.iterdir()) == [scratch.path]
    scratch.close()


def test_a_living_workers_folder_is_left_alone(tmp_path: Path) -> None:
    """Two workers on one machine share the parent."""
    first, second = Scratch.claim(tmp_path), Scratch.claim(tmp_path)
    assert {first.path, second.path} == set(tmp_path.iterdir())
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """In a shared /tmp anybody may have put it there."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PermissionError):
        Scratch.claim(tmp_path / "link")
