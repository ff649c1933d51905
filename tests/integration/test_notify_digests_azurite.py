import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scanner.model import Severity, TransitionKind
from scanner.notify.composer import Composer
from scanner.notify.digests import Digests
from scanner.notify.held import Batch, HeldNotices
from scanner.notify.ledger import Entry, State
from scanner.notify.message import Notice
from scanner.notify.routes.route import Daily, Route, RouteTable
from scanner.storage.queue import MessageQueue
from scanner.storage.rows import Row, RowKey, RowTable
from tests.examples import NOW, finding
from tests.notice_post import Post, RunningAzurite
from tests.reports import healthy_report, transition_by, unhealthy_report

pytestmark = pytest.mark.integration


@pytest.fixture
def post(azurite: RunningAzurite) -> Iterator[Post]:
    """Yield an own queue on Azurite."""
    post = Post(azurite.connection_string)
    yield post
    post.queue.close()


def test_what_no_channel_took_is_counted_by_route(post: Post) -> None:
    """With what was said last; the table is shared, so the route's name is this test's own."""
    report = post.own(unhealthy_report())
    name = f"r{uuid.uuid4().hex}"
    for number in (1, 2):
        made = transition_by(report, number=number)
        notice = Notice(stream=made.stream, number=number, route=name)
        begun = Entry.begun(notice, made, NOW)
        failed = begun.settled(State.FAILED, NOW + timedelta(seconds=number), error=f"no {number}")
        post.ledger.change(notice, lambda _, entry=failed: entry)  # type: ignore[misc]
    [undelivered] = [one for one in post.ledger.undelivered() if one.route == name]
    assert (undelivered.notices, undelivered.last_error) == (2, "no 2")


def test_a_route_for_severe_changes_hears_the_end_of_what_it_heard_of(post: Post) -> None:
    """And of nothing else: the ledger knows."""
    severe = Route(name="severe", open_channel=lambda: post.channel, least=Severity.CRITICAL)
    high, critical = (
        finding(severity, fixed_version="2") for severity in (Severity.HIGH, Severity.CRITICAL)
    )
    outbox = replace(post.outbox(), routes=lambda: RouteTable(routes=(severe,)))
    for tag, found in (("mild", high), ("bad", critical)):
        begun = unhealthy_report()
        verdict = replace(begun.verdict, violations=(found,))
        before = post.own(
            replace(begun, id=tag * 16, verdict=verdict, image=replace(begun.image, tag=tag))
        )
        outbox.announce(transition_by(before, number=1))
        resolved = transition_by(
            post.own(replace(healthy_report(), image=before.image)),
            TransitionKind.RESOLVED,
            number=2,
            report_before=before.id,
            before=before.image.digest,
        )
        outbox.announce(resolved)
    for message in post.messages():
        post.notifier(RouteTable(routes=(severe,))).deliver(message)
    told = [(one.tag, one.kind) for one in post.channel.sent]
    assert told == [("bad", TransitionKind.NEWLY_UNHEALTHY), ("bad", TransitionKind.RESOLVED)]


def test_a_digest_is_held_in_a_table(post: Post) -> None:
    """On the real one: what is held, its batch, and nothing once it was sent."""
    name = f"r{uuid.uuid4().hex}"
    daily = Route(
        name=name,
        open_channel=lambda: post.channel,
        digest=Daily(at=time(8), zone=ZoneInfo("UTC")),
    )
    table = RouteTable(routes=(daily,))
    report = post.own(unhealthy_report())
    replace(post.outbox(), routes=lambda: table).announce(transition_by(report))
    held = HeldNotices(post.connection.table_service())
    digests = Digests(
        composer=Composer(store=post.store),
        ledger=post.ledger,
        held=held,
        queue=MessageQueue(post.queue),
        routes=lambda: table,
        clock=lambda: datetime.now(UTC) + timedelta(days=2),
    )
    assert len(held.by_route()[name]) == 1
    digests.send_due()
    assert [len(mail) for mail in post.channel.digests] == [1]
    assert name not in held.by_route()
    assert post.messages() == []


def test_a_batch_is_closed_only_as_it_was_seen(post: Post) -> None:
    """By the row's version: what another timer has begun since stays."""
    name = f"r{uuid.uuid4().hex}"
    held = HeldNotices(post.connection.table_service())
    first = Batch(ids=("a" * 64,), not_before=NOW, missing=frozenset({"a" * 64}), holder="h")
    held.close_batch(name, first)
    held.change_batch(name, lambda _: first)
    other = replace(first, attempts=1)
    held.close_batch(name, other)
    assert held.change_batch(name, lambda _: None) == first
    held.change_batch(name, lambda _: other)
    held.close_batch(name, first)
    assert held.change_batch(name, lambda _: None) == other
    held.close_batch(name, other)
    assert held.change_batch(name, lambda _: None) is None


def test_a_row_that_changes_while_it_is_looked_at_is_not_removed(post: Post) -> None:
    """It goes only as it was seen."""
    rows = RowTable(post.connection.table_service().get_table_client("digests"))
    key = RowKey(uuid.uuid4().hex, "row")
    rows.change(key, lambda _: {"seen": 1})

    def come_between(row: Row) -> bool:
        rows.change(key, lambda _: {"seen": 2})
        return row["seen"] == 1

    rows.remove_if(key, come_between)
    assert rows.read(key) == {"seen": 2}
    rows.remove(key)
