import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.errors import InvalidMessageError, NoticeError
from scanner.model import Digest, Report, Transition, TransitionKind
from scanner.notify.composer import Composer
from scanner.notify.ledger import LEASE, Entry, State
from scanner.notify.message import Notice, encode
from scanner.notify.notifier import Notifier
from scanner.notify.routes.route import RouteTable
from tests.examples import NOW
from tests.fakes import (
    InMemoryLedger,
    InMemoryReportStore,
    RecordingChannel,
    RecordingQueue,
    two_routes,
)
from tests.reports import (
    AMD64,
    deleted_report,
    index_report,
    transition_by,
    unhealthy_report,
    unknown_report,
)

INDEX = Digest("sha256:" + "1d" * 32)
CHILD = Digest("sha256:" + "c1" * 32)


class Desk:
    """A notifier over fakes, with a clock that tests set."""

    def __init__(self) -> None:
        """Begin with both routes and nothing stored."""
        self.now = NOW
        self.store = InMemoryReportStore()
        self.ledger = InMemoryLedger()
        self.channel = RecordingChannel()
        self.operators = RecordingChannel()
        self.routes = two_routes(self.channel, self.operators)
        self.queue = RecordingQueue()

    def notifier(self) -> Notifier:
        """Return a notifier as another worker would have it."""
        return Notifier(
            composer=Composer(store=self.store),
            ledger=self.ledger,
            queue=self.queue,
            routes=lambda: self.routes,
            clock=lambda: self.now,
        )

    def message(self, report: Report, transition: Transition | None = None) -> bytes:
        """Store a report and return the message that announces it."""
        self.store.save(report)
        made = transition or transition_by(report)
        is_unknown = made.kind is TransitionKind.BECAME_UNKNOWN
        route = "operators" if is_unknown else "images"
        notice = Notice(stream=made.stream, number=made.number, route=route)
        self.ledger.change(notice, lambda _: Entry.begun(notice, made, self.now))
        return encode(notice).encode()

    def entry(self) -> Entry:
        """Return the only entry of the ledger."""
        [entry] = self.ledger.entries.values()
        return entry


@pytest.fixture
def desk() -> Desk:
    """Return a fresh desk."""
    return Desk()


@pytest.mark.parametrize("kind", TransitionKind)
def test_a_notice_goes_to_its_route_under_its_id(desk: Desk, kind: TransitionKind) -> None:
    """What is unknown to the operators, all else to the images' people."""
    made = transition_by(unhealthy_report(), kind)
    desk.notifier().deliver(desk.message(unhealthy_report(), made))
    route = "operators" if kind is TransitionKind.BECAME_UNKNOWN else "images"
    channel = desk.operators if route == "operators" else desk.channel
    [sent] = channel.sent
    assert sent.id == Notice(stream=made.stream, number=1, route=route).id
    assert len(desk.channel.sent + desk.operators.sent) == 1


def test_a_notice_that_waited_is_told_as_it_came_about(desk: Desk) -> None:
    """What has happened since has a notice of its own; to leave one out would lose the thread."""
    message = desk.message(unhealthy_report())
    desk.store.save(deleted_report(as_of=NOW + timedelta(minutes=1)))
    desk.notifier().deliver(message)
    [sent] = desk.channel.sent
    assert sent.kind is TransitionKind.NEWLY_UNHEALTHY


def test_a_repeat_is_not_sent(desk: Desk) -> None:
    """The queue delivers at least once; people hear it once."""
    message = desk.message(unhealthy_report())
    desk.notifier().deliver(message)
    desk.notifier().deliver(message)
    assert len(desk.channel.sent) == 1
    assert (desk.entry().state, desk.entry().attempts) == (State.SENT, 1)


def test_a_refused_notice_is_left_to_the_queue_at_once(desk: Desk) -> None:
    """The lease is let go, so the next try needs not wait for it."""
    message = desk.message(unhealthy_report())
    desk.channel.refusal = NoticeError("route images: answered 503")
    with pytest.raises(NoticeError, match="503"):
        desk.notifier().deliver(message)
    assert desk.entry().state is State.QUEUED
    desk.channel.refusal = None
    desk.notifier().deliver(message)
    assert len(desk.channel.sent) == 1


def test_a_worker_that_died_while_sending_holds_nobody_up_for_long(desk: Desk) -> None:
    """While its lease runs others keep off; afterwards the notice is sent again, same id."""
    message = desk.message(unhealthy_report())

    class DiedError(BaseException):
        pass

    def die() -> None:
        raise DiedError

    desk.channel.during_send = die
    with pytest.raises(DiedError):
        desk.notifier().deliver(message)
    desk.channel.during_send = lambda: None
    desk.now = NOW + LEASE - timedelta(seconds=1)
    with pytest.raises(NoticeError, match="another worker"):
        desk.notifier().deliver(message)
    desk.now = NOW + LEASE
    desk.notifier().deliver(message)
    assert len(desk.channel.sent) == 1
    assert desk.entry().attempts == 2


def test_a_message_cannot_make_us_tell_what_has_not_come_about(desk: Desk) -> None:
    """It must name a transition that was announced, by the route that it was announced for."""
    message = desk.message(unhealthy_report())
    for known, other in (
        (b"shop/cart", b"shop/other"),
        (b'"v7"', b'"v8"'),
        (b'"number":1', b'"number":2'),
        (b'"images"', b'"operators"'),
    ):
        with pytest.raises(InvalidMessageError, match="number: is none that was announced"):
            desk.notifier().deliver(message.replace(known, other))
    assert desk.channel.sent == []


def _child(report: Report) -> Report:
    return replace(report, image=replace(report.image, digest=CHILD, tag=None))


def test_an_index_speaks_for_its_untagged_images(desk: Desk) -> None:
    """One push, one notice."""
    child = _child(unhealthy_report())
    message = desk.message(child)
    desk.store.save(child, part_of=INDEX)
    desk.store.save(index_report((AMD64, child), digest=INDEX))
    desk.notifier().deliver(message)
    assert (desk.channel.sent, desk.entry().state) == ([], State.SKIPPED)


def test_an_image_of_an_index_with_a_name_of_its_own_is_told_of(desk: Desk) -> None:
    """Somebody uses it by that name."""
    child = _child(unhealthy_report())
    message = desk.message(child)
    desk.store.save(replace(child, image=replace(child.image, tag="v7-amd64")), part_of=INDEX)
    desk.store.save(index_report((AMD64, child), digest=INDEX))
    desk.notifier().deliver(message)
    assert len(desk.channel.sent) == 1
    assert desk.channel.sent[0].tag == "v7-amd64"


def test_an_image_is_told_of_until_its_index_is_judged(desk: Desk) -> None:
    """The job on the index may fail for good; its images must not be silent then."""
    child = _child(unhealthy_report())
    message = desk.message(child)
    desk.store.save(child, part_of=INDEX)
    desk.notifier().deliver(message)
    assert len(desk.channel.sent) == 1


def test_a_notice_without_a_route_is_skipped(desk: Desk) -> None:
    """The route was removed while the notice was in the queue."""
    unknown = unknown_report()
    message = desk.message(unknown, transition_by(unknown, TransitionKind.BECAME_UNKNOWN))
    desk.routes = RouteTable(routes=desk.routes.routes[:1])
    desk.notifier().deliver(message)
    assert (desk.operators.sent, desk.entry().state) == ([], State.SKIPPED)


def test_an_undelivered_notice_is_recorded_with_its_last_fault(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody was told; the ledger and the log say so."""
    message = desk.message(unhealthy_report())
    desk.channel.refusal = NoticeError("route images: answered 410")
    with pytest.raises(NoticeError):
        desk.notifier().deliver(message)
    desk.notifier().record_undelivered(message)
    assert (desk.entry().state, desk.entry().last_error) == (
        State.FAILED,
        "route images: answered 410",
    )
    assert "notice.failed" in caplog.text


def test_a_failed_notice_can_be_put_back_into_the_queue(desk: Desk) -> None:
    """An operator mends the endpoint and moves the messages back."""
    message = desk.message(unhealthy_report())
    desk.notifier().record_undelivered(message)
    desk.notifier().deliver(message)
    assert (len(desk.channel.sent), desk.entry().state) == (1, State.SENT)


def test_what_was_told_is_never_recorded_as_undelivered(desk: Desk) -> None:
    """A second message on the same notice may end in the poison queue; people know already."""
    message = desk.message(unhealthy_report())
    desk.notifier().deliver(message)
    desk.notifier().record_undelivered(message)
    assert desk.entry().state is State.SENT


@pytest.mark.parametrize("untrusted_message", [b"", b"\x00\xff", b"{}", b"x" * 100_000])
def test_a_bad_message_in_the_poison_queue_is_logged_and_dropped(
    desk: Desk, caplog: pytest.LogCaptureFixture, untrusted_message: bytes
) -> None:
    """Raising there would bring it back for ever."""
    with caplog.at_level(logging.ERROR):
        desk.notifier().record_undelivered(untrusted_message)
    assert "notice.refused" in caplog.text
    assert desk.ledger.entries == {}
