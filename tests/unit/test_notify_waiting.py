"""What puts a notice off: hours, rates, what a service asks for, and order."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scanner.errors import NoticeError, StoreError, TooEarlyError
from scanner.model import Severity, TransitionKind
from scanner.notify.composer import Composer
from scanner.notify.ledger import Entry, State
from scanner.notify.message import Notice, encode
from scanner.notify.notifier import MAX_ATTEMPTS, Notifier
from scanner.notify.routes.route import Daily, Quiet, Route, RouteTable
from tests.examples import NOW
from tests.fakes import InMemoryLedger, InMemoryReportStore, RecordingChannel, RecordingQueue
from tests.reports import transition_by, unhealthy_report

UTC_ZONE = ZoneInfo("UTC")
NIGHT = Quiet(begin=time(22), end=time(7), zone=UTC_ZONE, urgent=Severity.CRITICAL)


class Desk:
    """A notifier with one route, over fakes."""

    def __init__(self) -> None:
        """Begin with one notice in the ledger."""
        self.now = NOW
        self.store, self.ledger = InMemoryReportStore(), InMemoryLedger()
        self.channel, self.queue = RecordingChannel(), RecordingQueue()
        self.route = Route(name="images", open_channel=lambda: self.channel)
        self.store.save(unhealthy_report())

    def begin(
        self, number: int = 1, kind: TransitionKind = TransitionKind.NEWLY_UNHEALTHY
    ) -> Notice:
        """Write the entry of a notice, as the outbox does."""
        made = transition_by(unhealthy_report(), kind, number=number)
        notice = Notice(stream=made.stream, number=number, route="images")
        self.ledger.change(notice, lambda _: Entry.begun(notice, made, self.now))
        return notice

    def deliver(self, notice: Notice) -> None:
        """Deliver as another worker would."""
        notifier = Notifier(
            composer=Composer(store=self.store),
            ledger=self.ledger,
            queue=self.queue,
            routes=lambda: RouteTable(routes=(self.route,)),
            clock=lambda: self.now,
        )
        notifier.deliver(encode(notice).encode())

    def entry(self, notice: Notice) -> Entry:
        """Return an entry."""
        return self.ledger.entries[notice.id]


@pytest.fixture
def desk() -> Desk:
    """Return a fresh desk."""
    return Desk()


def test_what_a_service_puts_off_comes_back_when_it_says(desk: Desk) -> None:
    """Not before; the message is new and the old one done with, and the try is counted."""
    notice = desk.begin()
    desk.channel.refusal = NoticeError("route images: answered 429", retry_after=90)
    desk.deliver(notice)
    [(message, delay)] = desk.queue.sent
    assert message == encode(notice)
    assert 90 <= delay <= 120
    entry = desk.entry(notice)
    assert (entry.state, entry.attempts, entry.lease_holder) == (State.QUEUED, 1, "")
    assert entry.last_error == "route images: answered 429"
    desk.channel.refusal = None
    desk.deliver(notice)
    assert (len(desk.channel.sent), desk.entry(notice).state) == (1, State.SENT)


def test_a_service_that_puts_off_for_ever_ends_as_failed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """After as many tries as there are; the pauses grow, and the last queues nothing."""
    notice = desk.begin()
    desk.channel.refusal = NoticeError("route images: answered 503", retry_after=1)
    for _ in range(MAX_ATTEMPTS):
        desk.deliver(notice)
    delays = [delay for _, delay in desk.queue.sent]
    assert len(delays) == MAX_ATTEMPTS - 1
    assert delays[0] < 60
    assert delays[-1] >= 900
    assert sum(delays) > 3 * 3600
    assert desk.entry(notice).state is State.FAILED
    assert "notice.failed" in caplog.text


def test_waiting_for_a_turn_is_no_try(desk: Desk) -> None:
    """However often."""
    notice = desk.begin()
    desk.channel.refusal = TooEarlyError("too many messages for this channel", retry_after=2)
    for _ in range(MAX_ATTEMPTS + 1):
        desk.deliver(notice)
    assert len(desk.queue.sent) == MAX_ATTEMPTS + 1
    assert all(2 <= delay <= 32 for _, delay in desk.queue.sent)
    assert (desk.entry(notice).state, desk.entry(notice).attempts) == (State.QUEUED, 0)


def test_a_message_that_cannot_be_queued_anew_is_not_let_go(desk: Desk) -> None:
    """The queue gives the old one out again."""
    notice = desk.begin()
    desk.queue.outage = StoreError("notices.send: lost")
    desk.channel.refusal = NoticeError("route images: answered 429", retry_after=90)
    with pytest.raises(StoreError):
        desk.deliver(notice)
    assert desk.entry(notice).state is State.QUEUED


def test_what_comes_up_at_night_waits_for_the_morning(desk: Desk) -> None:
    """Also where the message lay in the queue until the night; the try is none."""
    desk.route = replace(desk.route, quiet=replace(NIGHT, urgent=None))
    desk.now = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    notice = desk.begin()
    desk.deliver(notice)
    assert desk.queue.sent == [(encode(notice), 8 * 3600)]
    assert (desk.channel.sent, desk.entry(notice).attempts) == ([], 0)
    desk.now = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    desk.deliver(notice)
    assert len(desk.channel.sent) == 1


def test_what_is_urgent_is_told_at_night(desk: Desk) -> None:
    """Its severity says so."""
    desk.route = replace(desk.route, quiet=NIGHT)
    desk.now = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    desk.deliver(desk.begin())
    assert len(desk.channel.sent) == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.HELD])
def test_what_is_resolved_waits_for_what_it_resolves(desk: Desk, state: State) -> None:
    """As long as that is on its way, and no longer than three days."""
    before = desk.begin(1)
    desk.ledger.change(before, lambda entry: entry and replace(entry, state=state))
    resolved = desk.begin(2, TransitionKind.RESOLVED)
    desk.deliver(resolved)
    assert desk.queue.sent == [(encode(resolved), 60)]
    assert desk.channel.sent == []
    desk.deliver(before)
    desk.deliver(resolved)
    assert [told.kind for told in desk.channel.sent] == [
        TransitionKind.NEWLY_UNHEALTHY,
        TransitionKind.RESOLVED,
    ]


def test_what_never_comes_holds_nobody_up(desk: Desk) -> None:
    """Its route may have changed between the ledger's row and the message."""
    desk.begin(1)
    resolved = desk.begin(2, TransitionKind.RESOLVED)
    desk.now += timedelta(days=3)
    desk.deliver(resolved)
    assert len(desk.channel.sent) == 1


def test_what_was_queued_goes_out_though_its_route_has_a_digest_by_now(desk: Desk) -> None:
    """It would be put off from day to day else."""
    desk.route = replace(desk.route, digest=Daily(at=time(8), zone=UTC_ZONE))
    desk.deliver(desk.begin())
    assert len(desk.channel.sent) == 1
