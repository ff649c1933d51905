"""The local Functions host as a program: start, signals, exit status, and death."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from azure.storage.queue import QueueClient

from local.storage import Azurite
from tests.integration.conftest import WriteApp
from tests.integration.sample_jobs import DEADLINE_SECONDS, length, until

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]

APP = """
import os, pathlib, time

@app.route("pid")
def pid(req: func.HttpRequest) -> str:
    return str(os.getpid())

@app.queue_trigger(arg_name="message", queue_name="{name}", connection="STORAGE")
def work(message: func.QueueMessage) -> None:
    pathlib.Path(os.environ["TRIES"], str(message.dequeue_count)).touch()
    if message.get_body() == b"slow" and message.dequeue_count == 1:
        time.sleep(60)
"""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def tries(tmp_path: Path) -> Path:
    """Where the app leaves a file named by the dequeue count of each try."""
    path = tmp_path / "tries"
    path.mkdir()
    return path


@pytest.fixture
def start(tmp_path: Path, tries: Path, azurite: Azurite) -> Iterator[Start]:
    """Start the program; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def run(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "host.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - an argv of our own, no shell
                [
                    *(sys.executable, "-m", "local.functions_host", "--script-root", str(root)),
                    *("--port", "0", "--state", str(tmp_path / "state.json"), *arguments),
                ],
                cwd=REPOSITORY,
                env={"STORAGE": azurite.connection_string, "TRIES": str(tries)},
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_it_says_where_it_serves_and_ends_clean_on_sigterm(
    tmp_path: Path, write_app: WriteApp, start: Start, queue: QueueClient
) -> None:
    """The state file is there once it serves, and gone once it has ended with 0."""
    process = start(write_app(APP.format(name=queue.queue_name)))
    state = tmp_path / "state.json"
    until(state.exists)
    said = json.loads(state.read_text())
    answer = urllib3.request("GET", f"{said['url']}/api/pid", timeout=10)
    assert int(answer.data) == said["pid"] == process.pid
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_SECONDS) == 0
    assert not state.exists()


def test_a_killed_host_loses_no_message(
    write_app: WriteApp, start: Start, queue: QueueClient, tries: Path
) -> None:
    """After SIGKILL the message comes back with its lease, counted, and the next host does it."""
    queue.send_message("slow")
    root = write_app(APP.format(name=queue.queue_name))
    killed = start(root, "--lease-seconds", "2")
    until((tries / "1").exists)
    killed.kill()
    killed.wait()
    assert length(queue) == 1
    start(root, "--lease-seconds", "2")
    until(lambda: length(queue) == 0)
    assert sorted(path.name for path in tries.iterdir()) == ["1", "2"]


def test_a_function_over_its_time_ends_the_process_to_be_started_anew(
    write_app: WriteApp, start: Start, queue: QueueClient
) -> None:
    """A thread that hangs cannot be ended, so the process ends with EX_TEMPFAIL."""
    queue.send_message("slow")
    root = write_app(APP.format(name=queue.queue_name), functionTimeout="00:00:01")
    assert start(root).wait(DEADLINE_SECONDS) == os.EX_TEMPFAIL
    assert queue.receive_message() is not None


def test_work_cut_off_by_the_end_of_the_grace_is_told(
    write_app: WriteApp, start: Start, queue: QueueClient, tries: Path
) -> None:
    """The exit status is 1, and the message is left to its lease."""
    queue.send_message("slow")
    process = start(write_app(APP.format(name=queue.queue_name)), "--grace-seconds", "0.2")
    until((tries / "1").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_SECONDS) == 1
    assert length(queue) == 1


def test_an_app_that_cannot_start_is_told_in_one_line(
    tmp_path: Path, write_app: WriteApp, start: Start
) -> None:
    """Exit status 2 and the fault; no traceback."""
    process = start(write_app("other = app"))
    assert process.wait(DEADLINE_SECONDS) == 2
    said = (tmp_path / "host.log").read_text()
    assert said.startswith("functions_host: function_app must show exactly one function app")
    assert "Traceback" not in said
