import json
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.errors import InvalidMessageError, NoticeError
from scanner.model import Digest, Report, Status
from scanner.notify.ledger import LEASE, Entry, State
from scanner.notify.message import encode, notice_on, resolution_of, resolved_by
from scanner.notify.notifier import Notifier
from scanner.notify.route import Route, Routes
from tests.examples import NOW
from tests.fakes import InMemoryLedger, InMemoryReportStore, RecordingChannel
from tests.reports import (
    AMD64,
    ARM64,
    deleted_report,
    healthy_report,
    index_report,
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
        self.routes = Routes(
            images=Route(name="images", url="https://images.example/", secret="s" * 32),
            operators=Route(name="operators", url="https://ops.example/", secret="s" * 32),
        )

    def notifier(self) -> Notifier:
        """Return a notifier as another worker would have it."""
        return Notifier(
            store=self.store,
            ledger=self.ledger,
            channel=self.channel,
            routes=self.routes,
            clock=lambda: self.now,
        )

    def message(self, report: Report) -> bytes:
        """Store a report and return the message that announces it."""
        self.store.save(report)
        notice = notice_on(report)
        assert notice is not None
        return encode(notice).encode()

    def entry(self) -> Entry:
        """Return the only entry of the ledger."""
        [entry] = self.ledger.entries.values()
        return entry


@pytest.fixture
def desk() -> Desk:
    """Return a fresh desk."""
    return Desk()


@pytest.mark.parametrize(
    ("report", "route"), [(unhealthy_report(), "images"), (unknown_report(), "operators")]
)
def test_a_notice_goes_to_its_route_under_its_id(desk: Desk, report: Report, route: str) -> None:
    """Unhealthy to the images' people, unknown to the operators."""
    desk.notifier().deliver(desk.message(report))
    notice = notice_on(report)
    assert notice is not None
    [sent] = desk.channel.sent
    assert (sent.route, sent.notice_id) == (route, notice.id)


def test_a_notice_that_is_no_longer_true_is_not_sent(desk: Desk) -> None:
    """The image was judged again while the notice waited."""
    message = desk.message(unhealthy_report())
    desk.store.save(healthy_report(as_of=NOW + timedelta(minutes=1)))
    desk.notifier().deliver(message)
    assert (desk.channel.sent, desk.entry().state) == ([], State.SKIPPED)


def test_an_index_judged_before_does_not_speak_for_a_newly_unhealthy_image(desk: Desk) -> None:
    """It was told of for another platform; this one is news."""
    healthy = healthy_report(tag=None)
    desk.store.save(healthy, part_of=INDEX)
    other = replace(unhealthy_report(tag=None), id="2" * 64)
    desk.store.save(index_report((ARM64, other), (AMD64, healthy), digest=INDEX))
    message = desk.message(unhealthy_report(as_of=NOW + timedelta(hours=1), tag=None))
    desk.notifier().deliver(message)
    assert len(desk.channel.sent) == 1


def _resolution(desk: Desk, gone: Report) -> bytes:
    desk.store.save(gone)
    told = resolved_by(gone)
    assert told is not None
    desk.ledger.change(told, lambda entry: entry.resolved(NOW) if entry else None)
    return encode(resolution_of(told, 0)).encode()


def test_a_deletion_is_told_where_the_image_was(desk: Desk) -> None:
    """Under an id and a type of its own."""
    desk.notifier().deliver(desk.message(unhealthy_report()))
    gone = deleted_report(as_of=NOW + timedelta(minutes=1))
    desk.notifier().deliver(_resolution(desk, gone))
    first, second = desk.channel.sent
    assert second.route == "images"
    assert second.notice_id != first.notice_id
    event = json.loads(second.body)
    assert event["type"] == "dev.pushscan.image.resolved"
    assert event["data"]["reason"] == "deleted"


def test_a_deletion_of_an_image_that_is_back_is_not_told(desk: Desk) -> None:
    """It was pushed again while the notice waited."""
    desk.notifier().deliver(desk.message(unhealthy_report()))
    message = _resolution(desk, deleted_report(as_of=NOW + timedelta(minutes=1)))
    desk.store.save(unhealthy_report(as_of=NOW + timedelta(minutes=2), seed=1))
    desk.notifier().deliver(message)
    assert len(desk.channel.sent) == 1


def test_a_deletion_of_an_image_that_nobody_was_told_of_is_refused(desk: Desk) -> None:
    """Who can write to the queue cannot make us take back what was never said."""
    gone = deleted_report()
    with pytest.raises(InvalidMessageError, match="does not belong"):
        desk.notifier().deliver(_resolution(desk, gone))


def test_what_is_unhealthy_again_has_another_id(desk: Desk) -> None:
    """Receivers drop an id that they have seen."""
    desk.notifier().deliver(desk.message(unhealthy_report()))
    desk.notifier().deliver(_resolution(desk, deleted_report(as_of=NOW + timedelta(minutes=1))))
    desk.notifier().deliver(desk.message(unhealthy_report(as_of=NOW + timedelta(hours=1), seed=1)))
    assert len({sent.notice_id for sent in desk.channel.sent}) == 3


def test_a_late_copy_of_a_resolved_notice_changes_nothing(desk: Desk) -> None:
    """Otherwise the next time would look as if it had been told."""
    message = desk.message(unhealthy_report(tag=None))
    desk.notifier().deliver(message)
    _resolution(desk, deleted_report(as_of=NOW + timedelta(minutes=1)))
    desk.notifier().deliver(message)
    assert desk.entry().state is State.RESOLVED


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


def test_a_message_cannot_make_us_tell_what_is_not_stored(desk: Desk) -> None:
    """Its report must be there, and the notice must be the one that this report calls for."""
    message = desk.message(unhealthy_report())
    with pytest.raises(InvalidMessageError, match="report_id"):
        desk.notifier().deliver(message.replace(unhealthy_report().id.encode(), b"0" * 64))
    with pytest.raises(InvalidMessageError, match="id: does not belong"):
        desk.notifier().deliver(message.replace(b"shop/cart", b"shop/other"))
    other = notice_on(unknown_report())
    assert other is not None
    own = notice_on(unhealthy_report())
    assert own is not None
    with pytest.raises(InvalidMessageError, match="id: does not belong"):
        desk.notifier().deliver(message.replace(own.id.encode(), other.id.encode()))
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
    assert b'"image":"contoso.azurecr.io/shop/cart:v7-amd64"' in desk.channel.sent[0].body


def test_an_image_is_told_of_until_its_index_is_judged(desk: Desk) -> None:
    """The job on the index may fail for good; its images must not be silent then."""
    child = _child(unhealthy_report())
    message = desk.message(child)
    desk.store.save(child, part_of=INDEX)
    desk.notifier().deliver(message)
    assert len(desk.channel.sent) == 1


def test_an_index_that_others_are_told_of_covers_nothing(desk: Desk) -> None:
    """An unhealthy index goes to the images' people; operators still hear of the unknown part."""
    unknown = _child(unknown_report())
    message = desk.message(unknown)
    desk.store.save(unknown, part_of=INDEX)
    index = index_report((AMD64, unhealthy_report()), (ARM64, unknown), digest=INDEX)
    assert index.verdict.status is Status.UNHEALTHY
    desk.store.save(index)
    desk.notifier().deliver(message)
    assert [sent.route for sent in desk.channel.sent] == ["operators"]


def test_a_notice_without_a_route_is_skipped(desk: Desk) -> None:
    """The route was removed while the notice was in the queue."""
    message = desk.message(unknown_report())
    desk.routes = replace(desk.routes, operators=None)
    desk.notifier().deliver(message)
    assert (desk.channel.sent, desk.entry().state) == ([], State.SKIPPED)


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
