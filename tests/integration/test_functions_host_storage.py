"""Azurite as the local stack starts it."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local import storage
from local.storage import Azurite, AzuriteError

pytestmark = pytest.mark.integration


def test_two_of_them_serve_blobs_queues_and_tables_apart(tmp_path: Path, azurite: Azurite) -> None:
    """Each has free ports of its own and its own data; all is gone at the end."""
    with Azurite(tmp_path) as other:
        for running in (azurite, other):
            text = running.connection_string
            with (
                BlobServiceClient.from_connection_string(text) as blobs,
                QueueServiceClient.from_connection_string(text) as queues,
                TableServiceClient.from_connection_string(text) as tables,
            ):
                blobs.create_container("apart")
                queues.create_queue("apart")
                tables.create_table("apart")
        port = urlsplit(_queue_url(other)).port
    assert "successfully closed" in other.log.read_text()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port or 0), timeout=5)


def test_on_disk_it_keeps_what_it_was_given(tmp_path: Path) -> None:
    """Unless it is in memory, a second run has the first one's data."""
    for create in (True, False):
        with (
            Azurite(tmp_path, in_memory=False) as azurite,
            QueueServiceClient.from_connection_string(azurite.connection_string) as queues,
        ):
            if create:
                queues.create_queue("kept")
            assert [queue.name for queue in queues.list_queues()] == ["kept"]


def test_an_azurite_that_is_not_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the command that installs it."""
    monkeypatch.setattr(storage, "PROGRAM", tmp_path / "azurite.js")
    with pytest.raises(AzuriteError, match="npm ci"), Azurite(tmp_path):
        pass


def test_an_azurite_that_dies_is_told_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No waiting for a dead process."""
    program = tmp_path / "azurite.js"
    program.write_text("console.log('out of luck'); process.exit(3)")
    monkeypatch.setattr(storage, "PROGRAM", program)
    with pytest.raises(AzuriteError, match="ended with 3: out of luck"), Azurite(tmp_path):
        pass


def _queue_url(azurite: Azurite) -> str:
    with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
        return str(queues.url)
