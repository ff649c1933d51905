"""A program of ours outside the sandbox is bounded too, and leaves nothing."""

import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Completed, Exited, Killed, Stopped, run_trusted
from tests.sandbox_programs import processes_with

pytestmark = pytest.mark.integration

_PYTHON = Path(sys.executable)
_DAEMON = (
    "import os, signal\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0: signal.pause()\n"
)


def _run(code: str, *arguments: str, wall_seconds: float = 30.0) -> Completed:
    return run_trusted(
        _PYTHON,
        ["-I", "-S", "-c", code, *arguments],
        environment={"NAMED": "yes"},
        wall_seconds=wall_seconds,
    )


def test_the_environment_is_what_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the worker's environment arrives."""
    monkeypatch.setenv("IDENTITY_HEADER", "a-token")
    seen = _run("import os; print(*sorted(set(os.environ) - {'LC_CTYPE'}))")
    assert (seen.exit, seen.untrusted_stdout) == (Exited(0), b"NAMED\n")


def test_the_end_is_told() -> None:
    """As an exit code or as a signal."""
    assert _run("raise SystemExit(3)").exit == Exited(3)
    assert _run("import os; os.kill(os.getpid(), 11)").exit == Killed(signal.SIGSEGV)


def test_the_wall_clock_ends_it() -> None:
    """Though it ignores requests to stop."""
    code = "import signal; signal.signal(15, signal.SIG_IGN)\nwhile True: signal.pause()"
    assert _run(code, wall_seconds=0.5).exit is Stopped.TIMEOUT


def test_daemons_do_not_outlive_it() -> None:
    """No namespace holds them here: the launcher adopts and ends them."""
    marker = uuid.uuid4().hex
    assert _run(_DAEMON, marker).exit == Exited(0)
    assert processes_with(marker) == {}


def _is_launcher(words: list[str]) -> bool:
    return any(word.endswith("launcher.py") for word in words)


def test_it_dies_with_its_launcher() -> None:
    """Nothing else would end it then."""
    marker = uuid.uuid4().hex
    seen: list[Completed] = []
    thread = threading.Thread(
        target=lambda: seen.append(
            _run("import signal; print(1, flush=True); signal.pause()", marker)
        )
    )
    thread.start()
    deadline = time.monotonic() + 15.0
    while all(map(_is_launcher, (found := processes_with(marker)).values())):
        assert time.monotonic() < deadline
    for pid, words in found.items():
        if _is_launcher(words):
            os.kill(pid, signal.SIGKILL)
    thread.join(15.0)
    while processes_with(marker):
        assert time.monotonic() < deadline
    assert [completed.exit for completed in seen] == [Killed(signal.SIGKILL)]


def test_a_missing_program_is_told() -> None:
    """With its path."""
    with pytest.raises(SandboxUnavailableError, match="/nowhere/trivy"):
        run_trusted(Path("/nowhere/trivy"), [], environment={}, wall_seconds=1.0)
