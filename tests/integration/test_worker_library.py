"""Microsoft's own worker library indexes and runs apps; ours lists and answers the same.

The library (PyPI azure-functions-runtime) is what the Functions worker runs an app with from
Python 3.13 on; it does not exist for older ones.
"""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from local.functions_host.index import app_on_path
from scanner.model import Status
from scanner.settings import read
from scanner.wiring import REJUDGE_QUEUE, SWEEP_QUEUE, Wiring
from tests import worker_protos
from tests.integration.acr_images import SmallImage, small_image
from tests.integration.app_surroundings import AppSurroundings, empty_tar
from tests.integration.conftest import WriteApp
from tests.worker_library import Library, http, queued, reported_listing

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]

SAMPLE = """
@app.route("things/{name}", methods=["POST"])
@app.queue_output(arg_name="out", queue_name="made", connection="STORAGE")
def make(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_body().decode())
    return func.HttpResponse(req.route_params["name"], status_code=202)

@app.function_name("take")
@app.queue_trigger(arg_name="message", queue_name="made", connection="STORAGE")
def take_it(message: func.QueueMessage) -> None:
    if message.dequeue_count > 1:
        raise ValueError(message.id)

@app.queue_trigger(arg_name="message", queue_name="made-poison", connection="STORAGE")
async def bury(message: str, context: func.Context) -> None:
    pass
"""


@pytest.fixture
def runtime() -> Iterator[ModuleType]:
    """The library, or a skip where it does not exist."""
    module = pytest.importorskip(
        "azure_functions_runtime", reason="azure-functions-runtime needs Python 3.13 or newer"
    )
    module.start_threadpool_executor()
    yield module
    module.stop_threadpool_executor()
    # The library keeps what it has indexed; each test starts with a library that knows nothing.
    importlib.import_module("azure_functions_runtime.handle_event")._functions._functions.clear()  # noqa: SLF001


def succeeded(answer: worker_protos.InvocationResponse) -> bool:
    """Tell whether an invocation went well, with its stack trace if not."""
    assert answer.result.exception is None, answer.result.exception.stack_trace
    return answer.result.status == worker_protos.StatusResult.Success


def printed_listing(script_root: Path, **settings: str) -> list[dict[str, Any]]:
    """Return what `python -m local.functions_host --list` prints, in a process of its own."""
    listed = subprocess.run(  # noqa: S603 - an argv of our own, no shell
        [sys.executable, "-m", "local.functions_host", "--list", "--script-root", str(script_root)],
        cwd=REPOSITORY,
        env=settings,
        capture_output=True,
        check=True,
        timeout=60,
    )
    functions: list[dict[str, Any]] = json.loads(listed.stdout)
    return functions


def test_both_list_a_sample_app_alike(runtime: ModuleType, write_app: WriteApp) -> None:
    """Names, script files and raw bindings are equal, and in the same order."""
    root = write_app(SAMPLE)
    with app_on_path(root):
        library = Library(runtime, root)
    assert library.failure is None
    assert [f["name"] for f in printed_listing(root)] == ["make", "take", "bury"]
    assert reported_listing(library) == printed_listing(root)


def test_the_library_runs_each_kind_of_function(runtime: ModuleType, write_app: WriteApp) -> None:
    """HTTP with an output, a queue message that succeeds and one that fails, `async def`."""
    root = write_app(SAMPLE)
    text = worker_protos.TypedData(string="{}")
    with app_on_path(root):
        library = Library(runtime, root)
        made = library.run("make", http(b"job", params={"name": "a"}))
        taken = library.run("take", text, queued(1))
        failed = library.run("take", text, queued(2))
        buried = library.run("bury", text, queued(1))
    assert made.return_value is not None
    assert made.return_value.http.status_code == "202"
    assert made.return_value.http.body.bytes == b"a"
    assert [(out.name, out.data.string) for out in made.output_data] == [("out", "job")]
    assert succeeded(taken)
    assert succeeded(buried)
    assert failed.result.exception.message == "ValueError: message-1"


def test_the_library_runs_every_function_of_this_app(
    runtime: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push, its scan, its second judgement, a job given up, the notices on them: real parts."""
    with AppSurroundings(tmp_path) as around, app_on_path(REPOSITORY):
        for name, value in around.settings().items():
            monkeypatch.setenv(name, value)
        library = Library(runtime, REPOSITORY)
        assert library.failure is None

        def push(image: SmallImage) -> worker_protos.TypedData:
            around.push(image)
            answer = library.run("receive_push", http(**around.webhook(image.digest)))
            assert answer.return_value is not None
            assert answer.return_value.http.status_code == "202"
            return worker_protos.TypedData(string=around.take("scan-jobs"))

        scanned, abandoned = small_image(layer=empty_tar()), small_image(architecture="arm64")
        assert succeeded(library.run("scan_image", push(scanned), queued(1)))
        assert around.status(scanned.digest) is Status.UNKNOWN
        Wiring(read(around.settings())).sweeper.begin_full()
        for function, queue in (("sweep_images", SWEEP_QUEUE), ("rejudge_image", REJUDGE_QUEUE)):
            typed = worker_protos.TypedData(string=around.take(queue))
            assert succeeded(library.run(function, typed, queued(1)))
        assert succeeded(library.run("record_abandoned", push(abandoned), queued(1)))
        while notice := around.take("notices"):
            typed = worker_protos.TypedData(string=notice)
            assert succeeded(library.run("deliver_notice", typed, queued(1)))
            assert succeeded(library.run("record_undelivered", typed, queued(1)))
        unreadable = worker_protos.TypedData(string="{")
        consumers = ("scan_image", "rejudge_image", "rejudge_from_registry", "sweep_images")
        again = ("receive_events", "receive_events_again", "sweep_images_again")
        for consumer in (*consumers, *again):
            assert succeeded(library.run(consumer, unreadable, queued(1)))
        timer = worker_protos.TypedData(json='{"IsPastDue": false}')
        kept = (
            "update_policy",
            "update_exploits",
            "rejudge_due",
            "wake_streams",
            "send_digests",
            "remove_old",
        )
        for name in ("reconcile_registry", *kept):
            assert succeeded(library.run(name, timer))
        refused = library.run("rescan_images", http(b"{}"))
        assert refused.return_value is not None
        assert refused.return_value.http.status_code == "401"
        told = json.dumps([dict(notice) for notice in around.operators.notices])
    assert abandoned.digest in told
    # These ask Azure and the publishers of advisories, who are not here.
    assert library.functions.keys() - library.ran == {"update_advisories", "assess_registries"}
    assert reported_listing(library) == printed_listing(REPOSITORY, **around.settings())
