"""The local Functions host: storage queue triggers and outputs, on a real Azurite."""

import base64
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from azure.storage.queue import QueueClient, QueueServiceClient

from local.functions_host import FunctionsHost, HostError
from local.functions_host.errors import ConfigurationError
from tests.integration.conftest import WriteApp
from tests.integration.sample_jobs import HELD, JOBS, app, length, seen, until

pytestmark = pytest.mark.integration


def test_a_message_is_run_with_what_is_known_about_it_and_deleted(
    write_app: WriteApp, serving: Callable[..., Any], queue: QueueClient
) -> None:
    """The function sees body, id, count and times; success takes the message off the queue."""
    sent = queue.send_message("job é")
    with serving(write_app(JOBS.format(name=queue.queue_name))):
        message = seen()
    assert message.get_body().decode() == "job é"
    assert (message.id, message.dequeue_count) == (sent.id, 1)
    assert message.insertion_time == sent.inserted_on
    assert message.expiration_time == sent.expires_on
    assert message.time_next_visible > message.insertion_time
    assert message.pop_receipt
    assert length(queue) == 0


def test_a_failure_is_retried_after_the_visibility_timeout_and_then_poisoned(
    write_app: WriteApp,
    serving: Callable[..., Any],
    queue: QueueClient,
    storage: QueueServiceClient,
) -> None:
    """Each try counts; after the last the message moves to the poison queue, made on the way."""
    queue.send_message("fail")
    poison = storage.get_queue_client(f"{queue.queue_name}-poison")
    root = write_app(
        JOBS.format(name=queue.queue_name),
        queues={"maxDequeueCount": 3, "visibilityTimeout": "00:00:01"},
    )
    with serving(root):
        counts, times = [], []
        for _ in range(3):
            counts.append(seen().dequeue_count)
            times.append(time.monotonic())
        until(lambda: length(queue) == 0)
    assert counts == [1, 2, 3]
    assert times[1] - times[0] > 0.5
    assert [message.content for message in poison.receive_messages()] == ["fail"]


def test_a_count_above_the_maximum_is_poisoned_without_running(
    write_app: WriteApp,
    serving: Callable[..., Any],
    queue: QueueClient,
    storage: QueueServiceClient,
) -> None:
    """A message whose last try died with its process is not tried once more."""
    queue.send_message("job")
    received = queue.receive_message()
    assert received is not None
    queue.update_message(received, visibility_timeout=0)
    with serving(write_app(JOBS.format(name=queue.queue_name), queues={"maxDequeueCount": 1})):
        until(lambda: length(queue) == 0)
        assert app().SEEN.empty()
    assert length(storage.get_queue_client(f"{queue.queue_name}-poison")) == 1


def test_base64_is_decoded_and_what_is_none_is_poisoned(
    write_app: WriteApp,
    serving: Callable[..., Any],
    queue: QueueClient,
    storage: QueueServiceClient,
) -> None:
    """With messageEncoding base64, a plain message moves to poison as it is, without running."""
    queue.send_message("{jobs}")
    queue.send_message(base64.b64encode("job é".encode()).decode())
    root = write_app(JOBS.format(name=queue.queue_name), queues={"messageEncoding": "base64"})
    with serving(root):
        assert seen().get_body().decode() == "job é"
        until(lambda: length(queue) == 0)
        assert app().SEEN.empty()
    poison = storage.get_queue_client(f"{queue.queue_name}-poison")
    assert [message.content for message in poison.receive_messages()] == ["{jobs}"]


def test_a_failure_on_a_poison_queue_hides_for_the_lease_and_comes_again(
    write_app: WriteApp, serving: Callable[..., Any], storage: QueueServiceClient
) -> None:
    """There is no poison queue of a poison queue: the message stays, beyond the maximum."""
    queue = storage.create_queue(f"q-{uuid.uuid4().hex[:12]}-poison")
    queue.send_message("fail")
    root = write_app(JOBS.format(name=queue.queue_name), queues={"maxDequeueCount": 1})
    with serving(root, lease_seconds=1):
        assert [seen().dequeue_count for _ in range(3)] == [1, 2, 3]
        names = [found.name for found in storage.list_queues(queue.queue_name)]
    assert names == [queue.queue_name]
    assert length(queue) == 1


def test_the_lease_is_renewed_while_the_function_runs(
    write_app: WriteApp,
    serving: Callable[..., Any],
    queue: QueueClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Longer than the lease, run once, and deleted with the receipt of the last renewal."""
    queue.send_message("long")
    with (
        caplog.at_level(logging.INFO, "local.functions_host"),
        serving(write_app(HELD.format(name=queue.queue_name)), lease_seconds=1),
    ):
        seen()
        until(lambda: caplog.text.count("lease.renewed") >= 4)
        assert queue.receive_message() is None
        app().GATE.release()
        until(lambda: length(queue) == 0)
        assert app().SEEN.empty()
    assert "lease.lost" not in caplog.text


def test_no_more_run_at_once_than_batch_size_and_threshold_allow(
    write_app: WriteApp, serving: Callable[..., Any], queue: QueueClient
) -> None:
    """Two are fetched; two more only once no more than one of them still runs."""
    for number in range(5):
        queue.send_message(str(number))
    root = write_app(
        HELD.format(name=queue.queue_name), queues={"batchSize": 2, "newBatchThreshold": 1}
    )

    def visible() -> int:
        return len(queue.peek_messages(32))

    with serving(root):
        seen(), seen()
        assert visible() == 3
        app().GATE.release()
        seen(), seen()
        assert visible() == 1
        assert app().SEEN.empty()
        app().GATE.release(5)
        until(lambda: length(queue) == 0)


def test_outputs_are_written_after_success_only(
    write_app: WriteApp,
    serving: Callable[..., Any],
    queue: QueueClient,
    storage: QueueServiceClient,
) -> None:
    """An `Out` set before an exception is lost; after success, results and `Out`s are written."""
    code = f"""
    @app.route("write", methods=["POST"])
    @app.queue_output(arg_name="out", queue_name="{queue.queue_name}-made", connection="STORAGE")
    def write(req: func.HttpRequest, out: func.Out[list[str]]) -> str:
        text = req.get_body().decode()
        out.set([text, text])
        if text == "fail":
            raise ValueError
        return "written"

    @app.queue_trigger(arg_name="m", queue_name="{queue.queue_name}", connection="STORAGE")
    @app.queue_output("$return", queue_name="{queue.queue_name}-made", connection="STORAGE")
    def forward(m: str) -> str:
        return "forwarded " + m
    """
    made = storage.get_queue_client(f"{queue.queue_name}-made")
    with serving(write_app(code)) as host:
        post = [
            urllib3.request("POST", f"{host.url}/api/write", body=body, timeout=10).status
            for body in (b"fail", b"a")
        ]
        queue.send_message("b")
        until(lambda: length(queue) == 0)
    assert post == [500, 200]
    assert [m.content for m in made.receive_messages()] == ["a", "a", "forwarded b"]


def test_a_queue_made_later_is_found(
    write_app: WriteApp, serving: Callable[..., Any], storage: QueueServiceClient
) -> None:
    """A trigger's queue need not be there at start, and the host does not make it."""
    name = f"q-{uuid.uuid4().hex[:12]}"
    with serving(write_app(JOBS.format(name=name))):
        assert not list(storage.list_queues(name))
        storage.create_queue(name).send_message("job")
        assert seen().get_body() == b"job"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"AzureWebJobsX": "UseDevelopmentStorage=true"}, "http://127.0.0.1:10001/"),
        ({"X__accountName": "example"}, "https://example.queue.core.windows.net/"),
        (
            {"X__queueServiceUri": "https://other.queue.core.windows.net", "X__clientId": "id"}
            | {"X__credential": "managedidentity"},
            "https://other.queue.core.windows.net/",
        ),
    ],
)
def test_a_connection_is_found_by_each_of_its_names(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], url: str
) -> None:
    """Setting, prefixed setting, or a group for an identity."""
    from local.functions_host.connections import queue_service  # noqa: PLC0415 - the SDK is slow

    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with queue_service("X") as service:
        assert service.url.startswith(url)


def test_a_missing_connection_stops_the_host_at_start(write_app: WriteApp) -> None:
    """The message names every setting that would do."""
    root = write_app(JOBS.format(name="any"))
    with (
        pytest.raises(ConfigurationError, match="AzureWebJobsSTORAGE, STORAGE__accountName"),
        FunctionsHost(script_root=root),
    ):
        pass
    assert issubclass(ConfigurationError, HostError)
