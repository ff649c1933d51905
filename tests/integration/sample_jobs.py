"""Apps with one queue function, and ways to watch them from outside."""

import sys
import time
from collections.abc import Callable
from typing import Any

from azure.storage.queue import QueueClient

DEADLINE_SECONDS = 20.0

# What a function was given goes to SEEN; the body says what the function does then.
JOBS = """
@app.queue_trigger(arg_name="message", queue_name="{name}", connection="STORAGE")
def work(message: func.QueueMessage) -> None:
    SEEN.put(message)
    if message.get_body() == b"fail":
        raise ValueError("told to")
"""

HELD = """
GATE = Semaphore(0)

@app.queue_trigger(arg_name="message", queue_name="{name}", connection="STORAGE")
def work(message: func.QueueMessage) -> None:
    SEEN.put(message)
    if not GATE.acquire(timeout=30):
        raise TimeoutError
"""


def app() -> Any:  # noqa: ANN401 - a module made by the test
    """Return the app's own module, to look into it."""
    return sys.modules["function_app"]


def seen() -> Any:  # noqa: ANN401 - a queue.Queue made by the test's app
    """Return the next message that the app was given."""
    return app().SEEN.get(timeout=DEADLINE_SECONDS)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that another process or thread will make true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "did not become true"
        time.sleep(0.02)


def length(queue: QueueClient) -> int:
    """Count the messages of a queue, hidden ones included."""
    return queue.get_queue_properties().approximate_message_count or 0
