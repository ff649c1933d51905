"""Counting what a run's processes hold open and nobody finds by name."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox.nameless import ENDLESS, NamelessFiles
from scanner.sandbox.user import SCAN_GROUP, acting_as

pytestmark = pytest.mark.integration
_MIB = 1 << 20
_LOOKS_OF_A_SECOND = 20
_SCAN_USER = 64_999
_LAUNCHER = """
import os, sys
read, write = os.pipe()
if os.fork() == 0:
    fd = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
    os.write(fd, bytes(1 << 20))
    os.unlink(sys.argv[1])
    kept = os.dup(fd)
    os.write(write, b"x")
    os.read(0, 1)
    os._exit(0)
os.read(read, 1)
print("up", flush=True)
os.read(0, 1)
while True:
    state = open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read().split()[0]
    if open(f"/proc/{state}/stat").read().rpartition(")")[2].split()[0] == "Z": break
print("ended", flush=True)
os.read(0, 1)
"""
"""Its child holds one MiB open twice, until it is told to end; nobody reaps it."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@contextmanager
def _launcher(directory: Path) -> Iterator[tuple[int, Callable[[], None]]]:
    """Give a process with a child that holds a file, and what makes the child a zombie."""
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", _LAUNCHER, str(directory / "file")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as launcher:
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        stdin, stdout = launcher.stdin, launcher.stdout

        def end_child() -> None:
            stdin.write(b"xx")
            assert stdout.readline() == b"ended\n"

        assert stdout.readline() == b"up\n"
        try:
            yield launcher.pid, end_child
        finally:
            launcher.kill()


def test_a_file_that_is_open_twice_counts_once(tmp_path: Path) -> None:
    """By device and inode."""
    with _launcher(tmp_path) as (launcher, _):
        assert NamelessFiles(directory=str(tmp_path), uid=None).bytes_below(launcher) == _MIB


def test_a_program_that_is_seen_no_more_is_endless(tmp_path: Path) -> None:
    """For a second nothing is thought of it: so every program ends."""
    nameless = NamelessFiles(directory=str(tmp_path), uid=None)
    with _launcher(tmp_path) as (launcher, end_child):
        nameless.bytes_below(launcher)
        end_child()
        seen = [nameless.bytes_below(launcher) for _ in range(_LOOKS_OF_A_SECOND)]
    assert seen == [0] * (_LOOKS_OF_A_SECOND - 1) + [ENDLESS]


def test_a_program_that_is_never_seen_is_our_fault(tmp_path: Path) -> None:
    """The kernel closes it to us: no image is blamed, the job goes elsewhere."""
    nameless = NamelessFiles(directory=str(tmp_path), uid=None)
    with _launcher(tmp_path) as (launcher, end_child):
        end_child()
        for _ in range(_LOOKS_OF_A_SECOND - 1):
            assert nameless.bytes_below(launcher) == 0
        with pytest.raises(SandboxUnavailableError, match="does not let us see"):
            nameless.bytes_below(launcher)


@needs_root
def test_another_user_s_process_is_not_seen(tmp_path: Path) -> None:
    """The ids are really changed: else the look would need CAP_SYS_PTRACE, which we have here."""
    nameless = NamelessFiles(directory=str(tmp_path), uid=_SCAN_USER)
    with _launcher(tmp_path) as (launcher, _):
        assert nameless.bytes_below(launcher) == 0


@needs_root
def test_only_this_thread_acts_as_another_user_and_only_for_the_look() -> None:
    """The others go on with the worker's rights; who may signal us does not change."""
    seen: list[list[str]] = []

    def look() -> None:
        seen.append(_ids())

    before = _ids()
    with acting_as(_SCAN_USER):
        look()
        other = threading.Thread(target=look)
        other.start()
        other.join()
    user = ["0", str(_SCAN_USER), "0", str(_SCAN_USER)]
    group = ["0", str(SCAN_GROUP), "0", str(SCAN_GROUP)]
    assert seen[0][:8] == user + group
    assert _ids() == before


def _ids() -> list[str]:
    """Read real, effective, saved and file-system ids, and the effective capabilities."""
    lines = Path(f"/proc/self/task/{threading.get_native_id()}/status").read_text().splitlines()
    names = ("Uid:", "Gid:", "CapEff:")
    return [
        word
        for name in names
        for line in lines
        if line.startswith(name)
        for word in line.split()[1:]
    ]
