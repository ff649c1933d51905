import contextlib
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
from azure.core.exceptions import ResourceNotFoundError

from local.certificates import Certificates
from local.notice_receiver import NoticeReceiver
from scanner.errors import NoticeError
from scanner.model import Digest, Report
from scanner.notify.ledger import Entry, State, TableLedger
from scanner.notify.message import encode, notice_on
from scanner.notify.notifier import Notifier
from scanner.notify.outbox import QueueOutbox
from scanner.notify.route import Route, Routes
from scanner.ports import Outbox
from scanner.storage import StorageConnection
from scanner.storage.queue import MessageQueue
from scanner.store.azure_store import AzureReportStore
from tests.contracts.outbox_contract import OutboxContract
from tests.examples import NOW
from tests.fakes import InMemoryReportStore, RecordingChannel
from tests.reports import AMD64, deleted_report, index_report, unhealthy_report

pytestmark = pytest.mark.integration

SECRET = "s" * 32
ROUTES = Routes(
    images=Route(name="images", url="https://images.example/hook", secret=SECRET),
    operators=Route(name="operators", url="https://operators.example/hook", secret=SECRET),
)


class RunningAzurite(Protocol):
    """What is needed of the fixture."""

    connection_string: str


class Post:
    """A queue of its own, outboxes that write to it and a notifier that empties it."""

    def __init__(self, connection_string: str) -> None:
        """Begin with nothing: neither the queue nor, on a fresh Azurite, the table is there."""
        self.connection = StorageConnection(connection_string=connection_string)
        self.queue = self.connection.queue(f"notices-{uuid.uuid4().hex}")
        self.ledger = TableLedger(self.connection.table_service())
        self.store = InMemoryReportStore()
        self.channel = RecordingChannel()
        self.registry = f"r{uuid.uuid4().hex}.azurecr.io"

    def own(self, report: Report) -> Report:
        """Move a report to this test's own registry, since the table is shared."""
        return replace(report, image=replace(report.image, registry=self.registry))

    def outbox(self, *, untagged_delay_seconds: int = 0) -> QueueOutbox:
        """Return an outbox as another worker would have it."""
        return QueueOutbox(
            queue=MessageQueue(self.queue),
            ledger=TableLedger(self.connection.table_service()),
            routes=ROUTES,
            untagged_delay_seconds=untagged_delay_seconds,
        )

    def notifier(self) -> Notifier:
        """Return a notifier as another worker would have it."""
        ledger = TableLedger(self.connection.table_service())
        return Notifier(store=self.store, ledger=ledger, channel=self.channel, routes=ROUTES)

    def messages(self) -> list[bytes]:
        """Take all messages that are visible now."""
        taken = []
        # No message was ever sent where the queue is not there.
        with contextlib.suppress(ResourceNotFoundError):
            for message in self.queue.receive_messages(visibility_timeout=60):
                self.queue.delete_message(message)
                taken.append(str(message.content).encode())
        return taken


@pytest.fixture
def post(azurite: RunningAzurite) -> Iterator[Post]:
    """Yield an own queue on Azurite."""
    post = Post(azurite.connection_string)
    yield post
    post.queue.close()


class TestQueueOutbox(OutboxContract):
    """The real outbox keeps the contract, through a real queue and a real table."""

    @pytest.fixture(autouse=True)
    def _connected(self, post: Post) -> None:
        self._post = post

    def outbox(self) -> Outbox:
        """Return an outbox in front of the test's queue."""
        return _Remembering(self._post)

    def announce_from_threads(self, report: Report, threads: int) -> None:
        """Announce from threads that start together, each with clients of its own."""
        own = self._post.own(report)
        self._post.store.save(own)
        barrier = threading.Barrier(threads)

        def announce() -> None:
            outbox = self._post.outbox()
            barrier.wait(timeout=30)
            outbox.announce(own)

        workers = [threading.Thread(target=announce) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=60)

    def told(self) -> Sequence[str]:
        """Deliver all messages and return the reports they were about."""
        for message in self._post.messages():
            self._post.notifier().deliver(message)
        return [json.loads(sent.body)["data"]["report_id"] for sent in self._post.channel.sent]


class _Remembering:
    """Saves each report before it is announced, as the pipeline does."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def announce(self, report: Report) -> None:
        own = self._post.own(report)
        self._post.store.save(own)
        self._post.outbox().announce(own)


def test_the_message_names_the_image_and_nothing_that_was_found(post: Post) -> None:
    """A queue is read by more people than a report."""
    report = post.own(unhealthy_report())
    post.outbox().announce(report)
    [message] = post.messages()
    members = json.loads(message)
    assert set(members) == {"v", "id", "registry", "repository", "digest", "report_id"}
    assert b"CVE" not in message


def test_a_crash_between_queue_and_ledger_loses_and_repeats_nothing(post: Post) -> None:
    """The message is there without its row; the repeat queues another, and one is told."""
    report = post.own(unhealthy_report())
    post.store.save(report)
    notice = notice_on(report)
    assert notice is not None
    post.queue.create_queue()
    post.queue.send_message(encode(notice))
    post.outbox().announce(report)
    messages = post.messages()
    assert len(messages) == 2
    for message in messages:
        post.notifier().deliver(message)
    assert len(post.channel.sent) == 1


def test_a_deletion_waits_for_the_notice_that_is_being_sent(post: Post) -> None:
    """Only then is it known whether there is something to take back."""
    report, gone = post.own(unhealthy_report()), post.own(deleted_report(as_of=NOW))
    post.store.save(report)
    post.outbox().announce(report)
    [message] = post.messages()
    refused = []

    def delete() -> None:
        with pytest.raises(NoticeError, match="is being sent"):
            post.outbox().announce(gone)
        refused.append(True)

    post.channel.during_send = delete
    post.notifier().deliver(message)
    assert refused == [True]
    post.outbox().announce(gone)
    assert len(post.messages()) == 1


def test_a_crash_while_a_notice_is_taken_back_loses_and_repeats_nothing(post: Post) -> None:
    """The resolution is queued, the notice still says sent; the repeat ends it."""
    report = post.own(unhealthy_report())
    post.store.save(report)
    post.outbox().announce(report)
    for message in post.messages():
        post.notifier().deliver(message)
    gone = post.own(deleted_report(as_of=NOW + timedelta(hours=1)))
    post.store.save(gone)
    post.outbox().announce(gone)
    told = notice_on(report)
    assert told is not None
    [message] = post.messages()
    post.ledger.change(told, _sent_again)
    post.notifier().deliver(message)
    assert len(post.channel.sent) == 2
    post.outbox().announce(gone)
    assert post.messages() == []
    entry = post.ledger.find(told)
    assert entry is not None
    assert (entry.state, entry.resolved_count) == (State.RESOLVED, 1)


def test_what_is_unhealthy_again_is_queued_once(post: Post) -> None:
    """A job that is repeated before the notice is sent queues no second one."""
    report = post.own(unhealthy_report())
    post.store.save(report)
    post.outbox().announce(report)
    for message in post.messages():
        post.notifier().deliver(message)
    post.outbox().announce(post.own(deleted_report()))
    post.messages()
    for _ in range(2):
        post.outbox().announce(report)
    assert len(post.messages()) == 1


def _sent_again(entry: Entry | None) -> Entry | None:
    """Undo what the crash left undone."""
    return replace(entry, state=State.SENT, resolved_count=0) if entry else None


def test_two_workers_delivering_at_once_tell_once(post: Post) -> None:
    """The second finds the lease taken and leaves its message to the queue."""
    report = post.own(unhealthy_report())
    post.store.save(report)
    post.outbox().announce(report)
    [message] = post.messages()
    refused = []

    def second_worker() -> None:
        with pytest.raises(NoticeError, match="another worker"):
            replace(post.notifier(), channel=RecordingChannel()).deliver(message)
        refused.append(True)

    post.channel.during_send = second_worker
    post.notifier().deliver(message)
    assert (len(post.channel.sent), refused) == (1, [True])


def test_workers_claiming_at_the_very_same_time_tell_once(post: Post) -> None:
    """Only one compare-and-swap goes through, whatever the interleaving."""
    report = post.own(unhealthy_report())
    post.store.save(report)
    post.outbox().announce(report)
    [message] = post.messages()
    barrier = threading.Barrier(4)

    def deliver() -> None:
        notifier = post.notifier()
        barrier.wait(timeout=30)
        with contextlib.suppress(NoticeError):
            notifier.deliver(message)

    workers = [threading.Thread(target=deliver) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert len(post.channel.sent) == 1


def test_an_untagged_image_waits_for_its_index(post: Post) -> None:
    """Its message is in the queue, and nobody sees it yet."""
    report = post.own(unhealthy_report(tag=None))
    post.outbox(untagged_delay_seconds=3600).announce(report)
    assert post.messages() == []
    assert post.queue.get_queue_properties().approximate_message_count == 1


def test_a_tag_makes_a_skipped_notice_count(post: Post) -> None:
    """The platform's image was covered by its index; now somebody gave it a name of its own."""
    index = Digest("sha256:" + "1d" * 32)
    child = post.own(unhealthy_report(tag=None))
    post.store.save(child, part_of=index)
    post.store.save(post.own(index_report((AMD64, child), digest=index)))
    post.outbox().announce(child)
    [message] = post.messages()
    post.notifier().deliver(message)
    assert post.channel.sent == []
    post.outbox().announce(child)
    for message in post.messages():
        post.notifier().deliver(message)
    assert post.channel.sent == []
    tagged = replace(child, image=replace(child.image, tag="v7-amd64"))
    post.store.save(tagged)
    post.outbox().announce(tagged)
    [message] = post.messages()
    post.notifier().deliver(message)
    assert len(post.channel.sent) == 1


def test_what_was_deleted_before_it_was_told_is_told_when_it_is_back(post: Post) -> None:
    """Though nobody knows a tag of it: the reconciler found it, not an event."""
    report = post.own(unhealthy_report(tag=None))
    deleted = post.own(deleted_report(as_of=NOW + timedelta(minutes=1)))
    post.store.save(report)
    post.outbox().announce(report)
    post.store.save(deleted)
    [message] = post.messages()
    post.notifier().deliver(message)
    assert post.channel.sent == []
    back = replace(report, as_of=NOW + timedelta(minutes=2))
    post.store.save(back)
    post.outbox().announce(back)
    [message] = post.messages()
    post.notifier().deliver(message)
    assert len(post.channel.sent) == 1


def test_a_notice_goes_all_the_way(post: Post, tmp_path: Path) -> None:
    """Blob, rows, queue, ledger, TLS and signature: every part is the real one."""
    certificates = Certificates.create(tmp_path)
    files = (certificates.cert_file, certificates.key_file)
    # The blobs of this Azurite are shared with other tests, which use the same examples.
    report = replace(post.own(unhealthy_report()), id=uuid.uuid4().hex * 2)
    store = AzureReportStore.connect(post.connection)
    store.save(report)
    with NoticeReceiver(*files, SECRET) as receiver:
        images = Route(name="images", url=receiver.url, secret=SECRET, ca_file=certificates.ca_file)
        notifier = Notifier.connect(post.connection, store, Routes(images=images))
        post.outbox().announce(report)
        for message in post.messages() * 2:
            notifier.deliver(message)
        [delivery] = receiver.deliveries
    assert delivery.event["data"]["report_id"] == report.id
    assert delivery.event["subject"] == f"shop/cart@{report.image.digest}"


def test_the_ledger_says_how_it_went(post: Post) -> None:
    """Refused, sent at the second try: two attempts, and the fault of the first is kept."""
    report = post.own(unhealthy_report())
    post.store.save(report)
    post.outbox().announce(report)
    [message] = post.messages()
    post.channel.refusal = NoticeError("route images: answered 503")
    with pytest.raises(NoticeError):
        post.notifier().deliver(message)
    post.channel.refusal = None
    post.notifier().deliver(message)
    notice = notice_on(report)
    assert notice is not None
    entry = post.ledger.find(notice)
    assert entry is not None
    assert (entry.state, entry.attempts) == (State.SENT, 2)
    assert entry.last_error == "route images: answered 503"
