"""The reconciler's tables and queues on real Azurite."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from azure.storage.queue import QueueClient

from local.storage import Azurite
from scanner import jobs
from scanner.model import UnknownReason
from scanner.ports import Sightings
from scanner.storage import StorageConnection
from scanner.storage.poison import PoisonQueue
from scanner.storage.queue import MessageQueue
from scanner.store.azure_store import AzureReportStore
from scanner.store.sightings import TableSightings
from scanner.store.unreadable import UnreadableMessages
from scanner.stuck import Kind, StuckJobs
from tests.contracts.sightings_contract import SightingsContract
from tests.examples import IMAGE, NOW, job
from tests.reports import unknown_report

pytestmark = pytest.mark.integration


class TestTableSightings(SightingsContract):
    """The real one keeps the contract."""

    @pytest.fixture(autouse=True)
    def _connected(self, azurite: Azurite) -> None:
        self._connection = StorageConnection(connection_string=azurite.connection_string)
        self._registry = f"r{uuid.uuid4().hex}.azurecr.io"

    def sightings(self) -> Sightings:
        """Return one with clients of its own, as another process would have."""
        return TableSightings.connect(self._connection)

    def registry(self) -> str:
        """Return a name that no test before has used."""
        return self._registry


@pytest.fixture
def connection(azurite: Azurite) -> StorageConnection:
    """That Azurite."""
    return StorageConnection(connection_string=azurite.connection_string)


@pytest.fixture
def names() -> Iterator[str]:
    """A name of this test's own for queues and containers."""
    return iter([f"t-{uuid.uuid4().hex[:12]}"] * 9)


def queue_of(connection: StorageConnection, name: str) -> QueueClient:
    """Return a new queue."""
    client = connection.queue(name)
    client.create_queue()
    return client


def test_a_queue_tells_its_depth(connection: StorageConnection, names: Iterator[str]) -> None:
    """A queue that is not there yet is empty."""
    queue = MessageQueue(connection.queue(next(names)))
    assert queue.depth() == 0
    queue.send("one")
    queue.send("two", delay_seconds=60)
    assert queue.depth() == 2


def test_poison_is_looked_at_taken_and_removed(
    connection: StorageConnection, names: Iterator[str]
) -> None:
    """Looking hides nothing; what is not removed stays."""
    client = queue_of(connection, next(names))
    poison = PoisonQueue(client)
    for number in range(40):
        client.send_message(f"m{number}")
    assert len(list(poison.look())) == 32
    for message in poison.take():
        if message.untrusted_body != b"m7":
            poison.remove(message)
            poison.remove(message)
    assert poison.depth() == 1
    assert list(PoisonQueue(connection.queue(f"{next(names)}-none")).look()) == []
    assert list(PoisonQueue(connection.queue(f"{next(names)}-none")).take()) == []


def test_unreadable_messages_are_listed_with_the_fault(
    connection: StorageConnection, names: Iterator[str]
) -> None:
    """An empty one too; a container that is not there holds none."""
    kept = UnreadableMessages(connection.blob_service().get_container_client(next(names)))
    assert (list(kept.look()), kept.depth()) == ([], 0)
    kept.save(b"{", why="body: is not JSON")
    kept.save(b"", why="body: is empty")
    assert sorted((m.untrusted_body, m.why) for m in kept.look()) == [
        (b"", "body: is empty"),
        (b"{", "body: is not JSON"),
    ]
    for message in kept.take():
        kept.remove(message)
        kept.remove(message)
    assert kept.depth() == 0


def test_what_is_stuck_gets_another_chance(
    connection: StorageConnection, names: Iterator[str]
) -> None:
    """From the poison queue, from what could not be read, and what was given up."""
    name = next(names)
    store = AzureReportStore.connect(connection)
    given_up = unknown_report(UnknownReason.ABANDONED)
    image = replace(given_up.image, registry=f"{name}.azurecr.io")
    store.save(replace(given_up, id=name, image=image))
    poison, queue = queue_of(connection, f"{name}-poison"), queue_of(connection, name)
    poison.send_message(jobs.encode(job()))
    unreadable = UnreadableMessages(connection.blob_service().get_container_client(name))
    unreadable.save(jobs.encode(job(replace(IMAGE, repository="other"))).encode(), why="not ours")
    unreadable.save(b"{", why="body: is not JSON")
    stuck = StuckJobs(
        store=store, queue=MessageQueue(queue), poison=PoisonQueue(poison), unreadable=unreadable
    )
    found = {one.kind: one for one in stuck.look() if one.can_be_queued and "shop" in one.what}
    assert Kind.POISON in found
    done = set(stuck.requeue(None, now=NOW))
    assert jobs.job_id(image) in done
    sent = [jobs.decode(m.content.encode()) for m in queue.receive_messages(max_messages=32)]
    images = {str(one.image) for one in sent if hasattr(one, "image")}
    assert {str(image), str(IMAGE), str(replace(IMAGE, repository="other"))} <= images
    assert all(getattr(one, "not_before", None) == NOW for one in sent)
    assert PoisonQueue(poison).depth() == 0
    assert [message.untrusted_body for message in unreadable.look()] == [b"{"]
