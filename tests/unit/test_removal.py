"""Trees that are made so that they stay."""

import os
from pathlib import Path

from scanner.removal import remove_tree


def test_a_tree_deeper_than_python_recurses_is_removed(tmp_path: Path) -> None:
    """And than a path can tell."""
    root = tmp_path / "root"
    root.mkdir()
    at = os.open(root, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("directory", dir_fd=at)
        at, above = os.open("directory", os.O_RDONLY, dir_fd=at), at
        os.close(above)
    os.close(at)
    remove_tree(root)
    assert not root.exists()


def test_closed_directories_are_removed(tmp_path: Path) -> None:
    """Their owner may open them."""
    closed = tmp_path / "root" / "closed"
    (closed / "inner").mkdir(parents=True)
    (closed / "inner" / "file").touch()
    (closed / "inner").chmod(0)
    closed.chmod(0)
    remove_tree(tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    """What they lead to is somebody else's."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    (tmp_path / "root" / "below").mkdir(parents=True)
    (tmp_path / "root" / "below" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "other")
    remove_tree(tmp_path / "root")
    assert not (tmp_path / "root").exists()
    assert (tmp_path / "other" / "file").exists()
