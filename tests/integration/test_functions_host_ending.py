"""The local Functions host: how it ends, and what becomes of work in hand."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.storage.queue import QueueClient

from tests.integration.conftest import WriteApp
from tests.integration.sample_jobs import DEADLINE_SECONDS, HELD, app, length, seen

pytestmark = pytest.mark.integration


def test_a_function_over_its_time_loses_the_worker(
    write_app: WriteApp, serving: Callable[..., Any], queue: QueueClient
) -> None:
    """The message counts as failed, and so does all else that runs; the host asks for a restart."""
    queue.send_message("slow")
    queue.send_message("slow too")
    root = write_app(HELD.format(name=queue.queue_name), functionTimeout="00:00:01")
    with serving(root) as host:
        seen(), seen()
        assert host.wait(DEADLINE_SECONDS)
        app().GATE.release(2)
    assert host.worker_lost
    messages = list(queue.receive_messages())
    assert sorted((m.content, m.dequeue_count) for m in messages) == [("slow", 2), ("slow too", 2)]


def test_running_work_ends_within_the_grace_and_nothing_new_begins(
    write_app: WriteApp, serving: Callable[..., Any], queue: QueueClient
) -> None:
    """A host told to stop drains: the message in hand is settled, the next one stays."""
    queue.send_message("in hand")
    queue.send_message("next")
    root = write_app(
        HELD.format(name=queue.queue_name), queues={"batchSize": 1, "newBatchThreshold": 0}
    )
    with serving(root) as host:
        assert seen().get_body() == b"in hand"
        host.stop()
        app().GATE.release(2)
        assert host.wait(DEADLINE_SECONDS)
        assert app().SEEN.empty()
    assert not host.work_left
    assert [m.content for m in queue.receive_messages()] == ["next"]


def test_work_beyond_the_grace_is_left_to_its_lease(
    write_app: WriteApp, serving: Callable[..., Any], queue: QueueClient
) -> None:
    """Nothing is released early: the message stays hidden until its lease runs out."""
    queue.send_message("long")
    with serving(write_app(HELD.format(name=queue.queue_name)), grace_seconds=0.2) as host:
        seen()
        gate = app().GATE
        host.stop()
        assert host.wait(DEADLINE_SECONDS)
    gate.release()
    assert host.work_left
    assert queue.receive_message() is None
    assert length(queue) == 1
