import contextlib
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from local.certificates import Certificates
from local.notice_receiver import NoticeReceiver
from scanner.errors import NoticeError
from scanner.model import Report, Transition, TransitionKind
from scanner.notify.channels.https import Endpoint
from scanner.notify.channels.webhook import Webhook
from scanner.notify.composer import Composer
from scanner.notify.ledger import Entry, State
from scanner.notify.message import Notice, decode
from scanner.notify.routes.route import Route, RouteTable
from scanner.ports import Outbox
from scanner.store.azure_store import AzureReportStore
from tests.contracts.outbox_contract import OutboxContract
from tests.examples import NOW
from tests.fakes import RecordingChannel, two_routes
from tests.notice_post import Post, RunningAzurite
from tests.reports import transition_by, unhealthy_report

pytestmark = pytest.mark.integration

SECRET = "s" * 32


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
        return self._post.outbox()

    def own(self, report: Report) -> Report:
        """Store a report under this test's own registry."""
        return self._post.own(report)

    def announce_from_threads(self, transition: Transition, threads: int) -> None:
        """Announce from threads that start together, each with clients of its own."""
        barrier = threading.Barrier(threads)

        def announce() -> None:
            outbox = self._post.outbox()
            barrier.wait(timeout=30)
            outbox.announce(transition)

        workers = [threading.Thread(target=announce) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=60)

    def told(self) -> Sequence[str]:
        """Deliver all messages and return the reports they were about."""
        for message in self._post.messages():
            self._post.notifier().deliver(message)
        return [sent.report_id for sent in self._post.channel.sent]


def test_the_message_names_the_image_and_nothing_that_was_found(post: Post) -> None:
    """A queue is read by more people than a report."""
    report = post.own(unhealthy_report())
    post.outbox().announce(transition_by(report))
    [message] = post.messages()
    members = json.loads(message)
    assert set(members) == {"v", "registry", "repository", "name", "number", "route"}
    assert b"CVE" not in message


def test_a_crash_between_ledger_and_queue_loses_and_repeats_nothing(post: Post) -> None:
    """The row is there without its message; the repeat queues it, and a third one harms nobody."""
    report = post.own(unhealthy_report())
    made = transition_by(report)
    notice = Notice(stream=made.stream, number=made.number, route="images")
    post.ledger.change(notice, lambda _: Entry.begun(notice, made, NOW))
    for _ in range(2):
        post.outbox().announce(made)
    messages = post.messages()
    assert len(messages) == 2
    for message in messages:
        post.notifier().deliver(message)
    assert len(post.channel.sent) == 1


def test_two_workers_delivering_at_once_tell_once(post: Post) -> None:
    """The second finds the lease taken and leaves its message to the queue."""
    report = post.own(unhealthy_report())
    post.outbox().announce(transition_by(report))
    [message] = post.messages()
    refused = []

    def second_worker() -> None:
        with pytest.raises(NoticeError, match="another worker"):
            post.notifier(two_routes(RecordingChannel())).deliver(message)
        refused.append(True)

    post.channel.during_send = second_worker
    post.notifier().deliver(message)
    assert (len(post.channel.sent), refused) == (1, [True])


def test_workers_claiming_at_the_very_same_time_tell_once(post: Post) -> None:
    """Only one compare-and-swap goes through, whatever the interleaving."""
    report = post.own(unhealthy_report())
    post.outbox().announce(transition_by(report))
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


@pytest.mark.parametrize(
    ("tag", "kind"), [(None, TransitionKind.NEWLY_UNHEALTHY), ("v7", TransitionKind.RESOLVED)]
)
def test_what_may_be_part_of_a_larger_push_waits_for_the_rest(
    post: Post, tag: str | None, kind: TransitionKind
) -> None:
    """Its message is in the queue, and nobody sees it yet."""
    report = post.own(unhealthy_report(tag=tag))
    post.outbox(patience_seconds=3600).announce(transition_by(report, kind))
    assert post.messages() == []
    assert post.queue.get_queue_properties().approximate_message_count == 1


def test_a_notice_goes_all_the_way(post: Post, tmp_path: Path) -> None:
    """Blob, rows, queue, ledger, TLS and signature: every part is the real one."""
    certificates = Certificates.create(tmp_path)
    files = (certificates.cert_file, certificates.key_file)
    # The blobs of this Azurite are shared with other tests, which use the same examples.
    report = replace(post.own(unhealthy_report()), id=uuid.uuid4().hex * 2)
    store = AzureReportStore.connect(post.connection)
    store.save(report)
    with NoticeReceiver(*files, SECRET) as receiver:
        endpoint = Endpoint(route="images", url=receiver.url, ca_file=certificates.ca_file)
        webhook = Webhook(endpoint=endpoint, secret=SECRET)
        images = Route(name="images", open_channel=lambda: webhook)
        composer = Composer(store=store)
        notifier = replace(post.notifier(RouteTable(routes=(images,))), composer=composer)
        replace(post.outbox(), composer=composer).announce(transition_by(report))
        for message in post.messages() * 2:
            notifier.deliver(message)
        [delivery] = receiver.deliveries
    assert delivery.event["data"]["report_id"] == report.id
    assert delivery.event["subject"] == f"shop/cart@{report.image.digest}"


def test_the_ledger_says_how_it_went(post: Post) -> None:
    """Refused, sent at the second try: two attempts, and the fault of the first is kept."""
    report = post.own(unhealthy_report())
    post.outbox().announce(transition_by(report))
    [message] = post.messages()
    post.channel.refusal = NoticeError("route images: answered 503")
    with pytest.raises(NoticeError):
        post.notifier().deliver(message)
    post.channel.refusal = None
    post.notifier().deliver(message)
    entry = post.ledger.find(decode(message))
    assert entry is not None
    assert (entry.state, entry.attempts) == (State.SENT, 2)
    assert entry.last_error == "route images: answered 503"
