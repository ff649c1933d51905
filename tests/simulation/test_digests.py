"""A digest, and a timer that dies at each of its steps."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from scanner.errors import NoticeError, PushscanError, TooEarlyError
from scanner.model import Report, TransitionKind
from scanner.notify.composer import Composer
from scanner.notify.digests import Digests
from scanner.notify.held import HeldNotices
from scanner.notify.ledger import State, TableLedger, read_entry
from scanner.notify.message import decode
from scanner.notify.outbox import QueueOutbox
from scanner.notify.routes.route import Daily, Route, RouteTable
from tests.fakes import InMemoryReportStore, RecordingChannel, RecordingQueue
from tests.reports import healthy_report, transition_by, unhealthy_report
from tests.simulation.cloud import Cloud
from tests.simulation.perils import Clock, Killed, Perils

EVENING = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
EIGHT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MORNING = Daily(at=time(8), zone=ZoneInfo("UTC"))


@dataclass(slots=True, kw_only=True)
class Stops(Perils):
    """Lets all requests through, or kills whoever makes the n-th, before or after its effect."""

    at: int = 0
    is_after: bool = False
    count: int = 0

    @contextmanager
    def step(self, name: str, fault: Callable[[], Exception]) -> Iterator[None]:
        """Count a request."""
        del name, fault
        self.count += 1
        is_last = self.count == self.at
        if is_last and not self.is_after:
            raise Killed
        yield
        if is_last:
            raise Killed


class SlowStore(InMemoryReportStore):
    """Reports, of which the first that is read makes others come between."""

    meanwhile: Callable[[], None] | None = None

    def find_report(self, report_id: str) -> Report | None:
        """Return a report."""
        if meanwhile := self.meanwhile:
            self.meanwhile = None
            meanwhile()
        return super().find_report(report_id)


class Desk:
    """A mail route with a digest, on storage that may stop."""

    def __init__(self) -> None:
        """Begin in the evening, with nothing held."""
        self.stops = Stops(chance=random.Random(0))  # noqa: S311  unused here
        self.clock = Clock(moment=EVENING)
        services = cast("Any", Cloud(perils=self.stops, clock=self.clock))
        self.ledger, self.held = TableLedger(services), HeldNotices(services)
        self.rows = services.get_table_client("notices").rows
        self.held_rows = services.get_table_client("digests").rows
        self.store = SlowStore()
        self.channel, self.queue = RecordingChannel(during_send=self._step), RecordingQueue()
        self.route = Route(name="daily", open_channel=lambda: self.channel, digest=MORNING)
        self.table = RouteTable(routes=(self.route,))
        self.made = 0

    def _step(self) -> None:
        with self.stops.step("channel", NotImplementedError):
            pass

    def come_up(self, kind: TransitionKind = TransitionKind.NEWLY_UNHEALTHY) -> None:
        """Announce the next transition of a stream."""
        is_well = kind is TransitionKind.RESOLVED
        report = healthy_report() if is_well else unhealthy_report()
        self.store.save(report)
        self.made += 1
        at = EVENING + timedelta(minutes=self.made)
        outbox = QueueOutbox(
            composer=Composer(store=self.store),
            queue=self.queue,
            ledger=self.ledger,
            held=self.held,
            routes=lambda: self.table,
            clock=lambda: at,
        )
        made = transition_by(report, kind, number=self.made, at=at)
        for _ in range(2):
            outbox.announce(made)

    def run(self, now: datetime) -> None:
        """Let the timer fire."""
        Digests(
            composer=Composer(store=self.store),
            ledger=self.ledger,
            held=self.held,
            queue=self.queue,
            routes=lambda: self.table,
            clock=lambda: now,
        ).send_due()

    def states(self) -> list[State]:
        """Return how far the notices have come."""
        return [read_entry(row).state for row in self.rows()]

    def mails(self) -> list[list[str]]:
        """Return the notices of each mail."""
        return [[told.id for told in mail] for mail in self.channel.digests]


@pytest.fixture
def desk() -> Desk:
    """Return a fresh desk."""
    return Desk()


def test_all_that_has_come_up_is_one_mail_in_the_morning(desk: Desk) -> None:
    """Not a second before, once, and what is resolved comes last."""
    desk.come_up()
    desk.come_up(TransitionKind.RESOLVED)
    desk.run(EIGHT - timedelta(seconds=1))
    assert desk.channel.digests == []
    assert desk.states() == [State.HELD, State.HELD]
    for minutes in (0, 5):
        desk.run(EIGHT + timedelta(minutes=minutes))
    [mail] = desk.channel.digests
    assert [told.kind for told in mail] == [
        TransitionKind.NEWLY_UNHEALTHY,
        TransitionKind.RESOLVED,
    ]
    assert (desk.states(), list(desk.held_rows())) == ([State.SENT, State.SENT], [])
    assert desk.queue.sent == []


@pytest.mark.parametrize("is_after", [False, True])
def test_a_timer_that_dies_anywhere_loses_nothing_and_repeats_the_same_mail(
    *, is_after: bool
) -> None:
    """Whatever comes up in between is another mail."""
    repeats, is_through = 0, False
    for at in range(1, 100):
        desk = Desk()
        for _ in range(3):
            desk.come_up()
        desk.stops.count, desk.stops.at, desk.stops.is_after = 0, at, is_after
        with suppress(Killed):
            desk.run(EIGHT)
        is_through = desk.stops.count < at
        desk.stops.at = 0
        desk.come_up()
        for hours in (0.1, 0.2, 24, 24.1):
            desk.run(EIGHT + timedelta(hours=hours))
        mails = desk.mails()
        assert len(set(map(tuple, mails))) <= 2, f"other mails when it died at {at}"
        assert len({one for mail in mails for one in mail}) == 4, f"lost when it died at {at}"
        assert len(mails) <= 3
        repeats += len(mails) == 3
        assert (set(desk.states()), list(desk.held_rows())) == ({State.SENT}, [])
        if is_through:
            break
    # Only between the mail and its mark.
    assert 1 <= repeats <= 3
    assert is_through


def test_what_the_server_refuses_is_tried_again_and_seen(desk: Desk) -> None:
    """After five tries it is failed, and is sent all the same once the server takes it."""
    desk.come_up()
    desk.channel.refusal = NoticeError("route daily: answered 554")
    for number in range(5):
        assert desk.states() == [State.HELD]
        with pytest.raises(NoticeError):
            desk.run(EIGHT + timedelta(minutes=5 * number))
    [entry] = map(read_entry, desk.rows())
    assert (entry.state, entry.last_error) == (State.FAILED, "route daily: answered 554")
    desk.channel.refusal = None
    desk.run(EIGHT + timedelta(minutes=25))
    assert desk.channel.digests == []
    desk.run(EIGHT + timedelta(hours=2))
    assert (len(desk.channel.digests), desk.states()) == (1, [State.SENT])


def test_a_server_that_asks_for_time_gets_it(desk: Desk) -> None:
    """And waiting for a turn is no try."""
    desk.come_up()
    desk.channel.refusal = TooEarlyError("too many messages", retry_after=1_800)
    for number in range(8):
        with suppress(PushscanError):
            desk.run(EIGHT + timedelta(minutes=31 * number))
    assert desk.states() == [State.HELD]
    desk.channel.refusal = None
    desk.run(EIGHT + timedelta(minutes=31 * 7 + 29))
    assert desk.channel.digests == []
    desk.run(EIGHT + timedelta(minutes=31 * 7 + 30))
    assert len(desk.channel.digests) == 1


def test_a_route_that_has_no_digest_any_more_lets_go_of_what_it_held(desk: Desk) -> None:
    """Each by itself, through the queue."""
    desk.come_up()
    desk.table = RouteTable(routes=(replace(desk.route, digest=None),))
    desk.run(EVENING + timedelta(hours=1))
    [(message, _)] = desk.queue.sent
    assert decode(message.encode()).route == "daily"
    assert (desk.states(), list(desk.held_rows())) == ([State.QUEUED], [])


def test_what_was_held_for_a_route_that_is_gone_is_skipped(desk: Desk) -> None:
    """As what is in the queue for it."""
    desk.come_up()
    desk.table = RouteTable()
    desk.run(EIGHT)
    assert (desk.states(), list(desk.held_rows())) == ([State.SKIPPED], [])


def test_a_notice_whose_report_is_gone_is_not_said_to_be_sent(desk: Desk) -> None:
    """The mail says how many it leaves out; the ledger says why."""
    desk.come_up()
    desk.come_up(TransitionKind.RESOLVED)
    del desk.store.reports[healthy_report().id]
    desk.run(EIGHT)
    assert [len(mail) for mail in desk.channel.digests] == [1]
    assert desk.channel.missing == [1]
    assert sorted(desk.states()) == [State.FAILED, State.SENT]
    assert list(desk.held_rows()) == []
    errors = [read_entry(row).last_error for row in desk.rows()]
    assert sorted(errors) == ["", "its report is gone; a digest was sent without it"]


def test_a_digest_of_which_nothing_is_left_is_no_mail(desk: Desk) -> None:
    """And it is not tried for ever."""
    desk.come_up()
    desk.store.reports.clear()
    desk.run(EIGHT)
    assert (desk.channel.digests, desk.states()) == ([], [State.FAILED])
    assert list(desk.held_rows()) == []


def test_a_timer_that_is_slow_to_compose_sends_nothing_that_another_has_sent(desk: Desk) -> None:
    """Its lease ran out in the meantime; what it took is not its own any more."""
    desk.come_up()
    desk.come_up(TransitionKind.RESOLVED)
    late = EIGHT + timedelta(minutes=5)
    desk.store.meanwhile = lambda: desk.run(late)
    desk.run(EIGHT)
    assert len(desk.channel.digests) == 1
    assert (desk.states(), list(desk.held_rows())) == ([State.SENT, State.SENT], [])


def test_a_timer_that_is_slow_to_send_leaves_the_next_batch_alone(desk: Desk) -> None:
    """What it has sent was sent by another too, and closed; its mark must not close more."""
    desk.come_up()

    def others_come_between() -> None:
        desk.channel.during_send = lambda: None
        desk.run(EIGHT + timedelta(minutes=5))
        desk.come_up()
        desk.channel.refusal = NoticeError("route daily: answered 451")
        with suppress(NoticeError):
            desk.run(EIGHT + timedelta(days=1, minutes=5))
        desk.channel.refusal = None

    desk.channel.during_send = others_come_between
    desk.run(EIGHT)
    [batch] = [row for row in desk.held_rows() if row["RowKey"] == "batch"]
    assert (batch["attempts"], batch["is_sent"]) == (1, 0)
    desk.run(EIGHT + timedelta(days=1, minutes=10))
    first, again, second = desk.mails()
    assert first == again != second
    assert (set(desk.states()), list(desk.held_rows())) == ({State.SENT}, [])
