"""The directory of a run without namespaces, and what in it is too much."""

import os
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Limits, Stopped
from scanner.sandbox import private as module
from scanner.sandbox.nameless import NamelessFiles
from scanner.sandbox.private import PrivateDirectory, private_directory

_NO_PROCESS = 0
_LIMITS = Limits(temporary_bytes=1 << 20, temporary_files=10)


def _excess(private: PrivateDirectory, limits: Limits = _LIMITS) -> Stopped | None:
    nameless = NamelessFiles(directory=str(private.temporary), uid=None)
    return private.excess(_NO_PROCESS, limits, nameless)


def test_an_input_is_a_link_of_its_name(tmp_path: Path) -> None:
    """And everything is gone afterwards, but for what it leads to."""
    (tmp_path / "layout").mkdir()
    with private_directory(tmp_path, {"image": tmp_path / "layout"}) as private:
        assert (private.path / "image").readlink() == tmp_path / "layout"
        assert not list(private.temporary.iterdir())
        assert _excess(private) is None
    assert list(tmp_path.iterdir()) == [tmp_path / "layout"]


@pytest.mark.parametrize("files", [{"a": 2 << 20}, {"a": 600 << 10, "b": 600 << 10}])
def test_too_many_bytes_are_an_excess(tmp_path: Path, files: dict[str, int]) -> None:
    """In one file or several."""
    with private_directory(tmp_path, {}) as private:
        for name, size in files.items():
            (private.temporary / name).write_bytes(b"x" * size)
        assert _excess(private) is Stopped.DISK_LIMIT


def test_too_many_files_are_an_excess(tmp_path: Path) -> None:
    """Directories and files together."""
    with private_directory(tmp_path, {}) as private:
        (private.temporary / "directory").mkdir()
        for n in range(9):
            (private.temporary / "directory" / str(n)).touch()
        assert _excess(private) is None
        (private.temporary / "directory" / "9").touch()
        assert _excess(private) is Stopped.DISK_LIMIT


def test_what_cannot_be_looked_into_is_an_excess(tmp_path: Path) -> None:
    """Directories deeper than a path can tell would hide any number of bytes."""
    with private_directory(tmp_path, {}) as private:
        at = os.open(private.temporary, os.O_RDONLY)
        for _ in range(300):
            os.mkdir("directory", dir_fd=at)
            at, above = os.open("directory", os.O_RDONLY, dir_fd=at), at
            os.close(above)
        os.close(at)
        limits = Limits(temporary_files=1 << 20, temporary_bytes=1 << 40)
        assert _excess(private, limits) is None
        (private.temporary / "a").mkdir()
        at = os.open(private.temporary / "a", os.O_RDONLY)
        for _ in range(30):
            os.mkdir("d" * 200, dir_fd=at)
            at, above = os.open("d" * 200, os.O_RDONLY, dir_fd=at), at
            os.close(above)
        os.close(at)
        assert _excess(private, limits) is Stopped.DISK_LIMIT


def test_a_full_disk_is_our_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows who filled it; what was not counted ends there too."""
    with private_directory(tmp_path, {}) as private:
        monkeypatch.setattr(module, "_FREE_BYTES", 1 << 60)
        with pytest.raises(SandboxUnavailableError, match="are free for scans"):
            _excess(private)


def test_a_place_that_cannot_be_written_to_is_our_fault(tmp_path: Path) -> None:
    """The job is retried elsewhere."""
    with (
        pytest.raises(SandboxUnavailableError, match="cannot write"),
        private_directory(tmp_path / "none", {}),
    ):
        pass
