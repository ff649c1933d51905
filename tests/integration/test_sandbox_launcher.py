"""The launcher by itself, as a process: what each scan pays for, and what runs under it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanner.sandbox import supervisor

pytestmark = pytest.mark.integration

_LAUNCHER = Path(supervisor.__file__).with_name("launcher.py")
_SLOW_MODULES = {"enum", "functools", "pathlib", "re", "signal", "site", "subprocess", "typing"}
_DEADLINE_SECONDS = 15.0
_SAY = "print('ran', end='')"


def _launch(
    *options: str, parent: int | None = None, python: tuple[str, ...] = (), code: str = _SAY
) -> subprocess.CompletedProcess[bytes]:
    program = os.open(sys.executable, os.O_PATH)
    try:
        return subprocess.run(  # noqa: S603 - an argv of our own
            [
                *(sys.executable, "-I", "-S", *python, str(_LAUNCHER)),
                *(str(os.getpid() if parent is None else parent), "-", "-", *options),
                *("--", str(program), sys.executable, "-I", "-S", "-c", code),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=(program,),
            env={},
            timeout=_DEADLINE_SECONDS,
            check=False,
        )
    finally:
        os.close(program)


def test_its_start_imports_nothing_slow() -> None:
    """A module that pulls in `enum` or `re` makes each scan wait for it."""
    loaded = {
        line.rpartition("|")[2].strip()
        for line in _launch(python=("-X", "importtime")).stderr.decode().splitlines()
    }
    assert "ctypes" in loaded, "the interpreter says what it imports"
    assert not loaded & _SLOW_MODULES


def test_the_program_s_end_is_its_own() -> None:
    """An exit code as it is, a signal as 128 and its number."""
    assert (_launch().returncode, _launch().stdout) == (0, b"ran")
    assert _launch(code="raise SystemExit(7)").returncode == 7
    assert _launch(code="import os; os.kill(os.getpid(), 11)").returncode == 128 + 11


def test_nothing_runs_for_a_worker_that_is_gone() -> None:
    """It died before the launcher could ask to be told."""
    late = _launch(parent=1)
    assert (late.returncode, late.stdout) == (128 + 15, b"")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param(["RLIMIT_NOFILE=99999999999"], b"launcher: ", id="limit"),
        pytest.param(["landlock", "1", "0", "0", "7", "/nowhere"], b"/nowhere", id="directory"),
        pytest.param(["landlock", "1", "0", "0", "7", "/"], b"landlock: ", id="ruleset"),
    ],
)
def test_nothing_runs_that_could_not_be_held(options: list[str], reason: bytes) -> None:
    """A limit, a directory or a ruleset that the kernel refuses; what is said is not `confined`."""
    refused = _launch(*options)
    said = refused.stdout + refused.stderr
    assert (refused.returncode, reason in said) == (126, True), said
    assert b"confined" not in said
    assert b"ran" not in said


def test_signals_are_not_kept_from_the_program() -> None:
    """What the launcher waits for is blocked in the launcher alone."""
    code = "print(*[line for line in open('/proc/self/status') if line.startswith('SigBlk')])"
    assert _launch(code=code).stdout.split() == [b"SigBlk:", b"0" * 16]
