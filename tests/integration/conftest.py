"""Real programs that integration tests share, one of each for a pytest-xdist worker."""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from azure.storage.queue import QueueClient, QueueServiceClient

from local.functions_host import FunctionsHost
from local.storage import PROGRAM, Azurite

WriteApp = Callable[..., Path]


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azure Storage in memory; tests take names of their own in it."""
    if not PROGRAM.exists() and os.environ.get("CI") != "true":
        pytest.skip("Azurite is not installed: run npm ci in local/azurite")
    with Azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@pytest.fixture
def storage(azurite: Azurite) -> Iterator[QueueServiceClient]:
    """A client for the queues of that Azurite."""
    with QueueServiceClient.from_connection_string(azurite.connection_string) as client:
        yield client


@pytest.fixture
def write_app(tmp_path: Path) -> WriteApp:
    """Write a sample app, as code and host.json sections, into a root of its own."""

    def write(code: str, *, queues: dict[str, Any] | None = None, **host: Any) -> Path:  # noqa: ANN401 - JSON
        root = tmp_path / "app"
        root.mkdir()
        polling = {"maxPollingInterval": "00:00:00.2", "messageEncoding": "none"}
        extensions = {"http": host.pop("http", {}), "queues": polling | (queues or {})}
        (root / "host.json").write_text(
            json.dumps({"version": "2.0", "extensions": extensions} | host)
        )
        (root / "function_app.py").write_text(
            "import azure.functions as func\n"
            "from queue import Queue\n"
            "from threading import Event, Semaphore\n"
            "SEEN = Queue()\n"
            "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n" + dedent(code)
        )
        return root

    return write


@pytest.fixture
def queue(storage: QueueServiceClient) -> QueueClient:
    """A queue of this test's own."""
    return storage.create_queue(f"q-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def serving(azurite: Azurite) -> Callable[..., Any]:
    """Serve an app whose connection STORAGE is that Azurite."""

    @contextmanager
    def serve(root: Path, **options: Any) -> Iterator[FunctionsHost]:  # noqa: ANN401 - passed on
        settings = {"STORAGE": azurite.connection_string}
        with FunctionsHost(
            script_root=root, settings=settings, **{"grace_seconds": 10, **options}
        ) as host:
            yield host

    return serve
