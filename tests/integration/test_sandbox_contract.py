"""Both sandboxes, in their own right: what they have in common, and what one of them leaves."""

import functools
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Bubblewrap, Exited, Landlock, Stopped, choose, ruleset
from scanner.sandbox.landlock import PID_PLACEHOLDER
from tests.contracts.sandbox_contract import SandboxContract, run_python
from tests.contracts.sandbox_limits_contract import SandboxLimitsContract
from tests.contracts.sandbox_writable_contract import SandboxWritableContract
from tests.sandbox_programs import FAST, bubblewrap_path, processes_with

pytestmark = pytest.mark.integration
_ROOT = Path(__file__).parents[2]
_DEADLINE_SECONDS = 15.0


@functools.cache
def _bubblewrap() -> Bubblewrap:
    return Bubblewrap.probe(bubblewrap_path())


@functools.cache
def _landlock() -> Landlock:
    return Landlock.probe()


class TestBubblewrap(SandboxContract, SandboxLimitsContract, SandboxWritableContract):
    """Namespaces."""

    @pytest.fixture
    def sandbox(self) -> Bubblewrap:
        """Probe the real bubblewrap."""
        return _bubblewrap()


class TestLandlock(SandboxContract, SandboxLimitsContract, SandboxWritableContract):
    """No namespaces."""

    @pytest.fixture
    def sandbox(self) -> Landlock:
        """Probe the kernel."""
        return _landlock()


class TestOldestLandlock(SandboxContract, SandboxLimitsContract, SandboxWritableContract):
    """Linux 5.13 to 5.18: no rules for TCP, truncation, signals."""

    @pytest.fixture
    def sandbox(self) -> Landlock:
        """Ask the kernel for no more than its first interface."""
        return replace(_landlock(), abi=1)


@pytest.fixture
def landlock() -> Landlock:
    """Probe the kernel."""
    return _landlock()


def test_the_kernel_refuses_tcp_by_itself(landlock: Landlock) -> None:
    """From ABI 4 on, filter or not."""
    if landlock.abi < 4:
        pytest.skip("Landlock before ABI 4 knows no network")
    code = (
        "import socket\n"
        "try: socket.create_connection(('127.0.0.1', 9), 2)\n"
        "except PermissionError: print('refused')\n"
    )
    assert run_python(landlock, code).untrusted_stdout == b"refused\n"


def test_what_confines_is_told(landlock: Landlock) -> None:
    """The interface that is used, and what its rules hold for."""
    oldest = replace(landlock, abi=1).isolation
    assert oldest.startswith("landlock ABI 1 (files), seccomp, Linux ")
    newest = replace(landlock, abi=7).isolation
    assert newest.startswith("landlock ABI 7 (files, truncation, TCP, ioctl, scopes), seccomp, ")
    assert 1 <= landlock.abi <= ruleset.NEWEST_ABI


@pytest.mark.parametrize("way", ["open", "mapped"])
def test_space_without_a_name_is_counted(landlock: Landlock, way: str) -> None:
    """A file may be unlinked and still open, or closed and still mapped."""
    code = (
        "import ctypes, os, sys, time\n"
        "for n in range(2):\n"
        "    fd = os.open(f'{os.environ[\"TMPDIR\"]}/{n}', os.O_CREAT | os.O_RDWR)\n"
        "    os.write(fd, b'x' * (6 << 20))\n"
        "    os.unlink(f'{os.environ[\"TMPDIR\"]}/{n}')\n"
        "    if sys.argv[1] == 'mapped':\n"
        "        ctypes.CDLL(None).mmap(None, 4096, 1, 1, fd, 0)\n"
        "        os.close(fd)\n"
        "time.sleep(20)\n"
    )
    limits = replace(FAST, temporary_bytes=10 << 20)
    assert run_python(landlock, code, way, limits=limits).exit is Stopped.DISK_LIMIT


def test_root_has_no_capability_either(landlock: Landlock) -> None:
    """Where no user of the scan's own can read the inputs, root runs it, without rights."""
    code = (
        "import ctypes, struct\n"
        "sets = ctypes.create_string_buffer(24)\n"
        "ctypes.CDLL(None).capget(struct.pack('<Ii', 0x20080522, 0), sets)\n"
        "print(any(sets.raw))\n"
    )
    assert run_python(replace(landlock, uid=None), code).untrusted_stdout == b"False\n"


def test_nothing_is_left_of_a_tree_too_deep_for_paths(landlock: Landlock) -> None:
    """Five thousand directories, one in the other."""
    code = (
        "import os\n"
        "at = os.open(os.environ['TMPDIR'], os.O_RDONLY)\n"
        "for _ in range(5000):\n"
        "    os.mkdir('d', dir_fd=at)\n"
        "    at, above = os.open('d', os.O_RDONLY, dir_fd=at), at\n"
        "    os.close(above)\n"
    )
    assert run_python(landlock, code).exit in {Exited(0), Stopped.DISK_LIMIT}
    assert not list(landlock.scratch.glob("run-*"))


def test_the_program_may_signal_nobody_but_itself(landlock: Landlock) -> None:
    """The filter names its process, which is not known before it starts."""
    assert landlock.system_calls.count(PID_PLACEHOLDER.to_bytes(4, "little")) == 2


def test_auto_takes_bubblewrap_first_and_landlock_without_it() -> None:
    """And what is named is what is taken."""
    bubblewrap, missing = bubblewrap_path(), Path("/nowhere/bwrap")
    assert isinstance(choose("auto", bubblewrap), Bubblewrap)
    assert isinstance(choose("auto", missing), Landlock)
    assert isinstance(choose("landlock", None), Landlock)


def test_without_either_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message says of both why they do not work."""

    def no_landlock() -> int:
        raise SandboxUnavailableError("the kernel has no Landlock")

    monkeypatch.setattr(ruleset, "kernel_abi", no_landlock)
    with pytest.raises(SandboxUnavailableError, match=r"bubblewrap: .*; landlock: the kernel"):
        choose("auto", Path("/nowhere/no-bwrap"))
    with pytest.raises(SandboxUnavailableError, match=r"^landlock: the kernel has no Landlock$"):
        choose("landlock", Path("/nowhere/no-bwrap"))


_WORKER = """
from scanner.sandbox import Landlock
from tests.contracts.sandbox_contract import run_python
import sys
sandbox = Landlock.probe()
print(sandbox.scratch, flush=True)
run_python(sandbox, "print('up', flush=True); import signal; signal.pause()", sys.argv[1])
"""


@pytest.mark.parametrize("victim", ["worker", "launcher"])
def test_a_killed_worker_leaves_no_process(victim: str) -> None:
    """Nor does a killed launcher; the next worker removes the files."""
    marker = uuid.uuid4().hex
    command = [sys.executable, "-c", _WORKER, marker]
    with subprocess.Popen(  # noqa: S603 - our own script
        command, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT)}, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        scratch = Path(worker.stdout.readline().decode().strip())
        while not (inside := _inside(marker)):
            assert worker.poll() is None
        assert list(scratch.glob("run-*"))
        if victim == "worker":
            worker.kill()
        else:
            os.kill(_parent_of(inside[0]), signal.SIGKILL)
            worker.wait(_DEADLINE_SECONDS)
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while processes_with(marker):
        assert time.monotonic() < deadline
    probing = "from scanner.sandbox import Landlock; Landlock.probe()"
    subprocess.run([sys.executable, "-c", probing], cwd=_ROOT, check=True, timeout=30)  # noqa: S603 - our own script
    assert not scratch.exists()


def _inside(marker: str) -> list[int]:
    return [
        pid
        for pid, words in processes_with(marker).items()
        if words[0].startswith("ld-linux") and "-I" not in words
    ]


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
