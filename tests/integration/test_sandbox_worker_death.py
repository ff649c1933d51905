"""A worker that is killed leaves nothing running."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox_programs import bubblewrap_path, processes_with

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).parents[2]
_DEADLINE_SECONDS = 15.0
_WORKER = """
import sys
from pathlib import Path
from scanner.sandbox import Bubblewrap
from tests.sandbox_programs import run_python
run_python(Bubblewrap.probe(Path(sys.argv[1])), "import signal; signal.pause()", sys.argv[2])
"""


def _is_launched(words: list[str]) -> bool:
    return any(word.endswith("launcher.py") for word in words)


def _is_inside(words: list[str]) -> bool:
    return words[0] == "/scanner"


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"


@pytest.fixture
def marker() -> str:
    """Return a word that finds the processes of one test."""
    return uuid.uuid4().hex


def _start_worker(marker: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _WORKER, str(bubblewrap_path()), marker]
    return subprocess.Popen(command, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT)})  # noqa: S603 - our own script


@pytest.mark.parametrize("moment", [_is_inside, _is_launched])
def test_a_killed_worker_leaves_nothing(marker: str, moment: Callable[[list[str]], bool]) -> None:
    """Whether the program is running or the sandbox is still being built."""
    with _start_worker(marker) as worker:
        _wait_until(lambda: any(map(moment, processes_with(marker).values())))
        worker.kill()
    _wait_until(lambda: not processes_with(marker))


def test_a_killed_launcher_takes_the_program_with_it(marker: str) -> None:
    """The last line of defence is bubblewrap's own."""
    with _start_worker(marker) as worker:
        _wait_until(lambda: any(map(_is_inside, processes_with(marker).values())))
        for pid, words in processes_with(marker).items():
            if _is_launched(words):
                os.kill(pid, signal.SIGKILL)
        _wait_until(lambda: not processes_with(marker))
        worker.wait(_DEADLINE_SECONDS)
