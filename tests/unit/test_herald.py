from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from scanner.errors import StoreError
from scanner.herald import Herald, Standing
from scanner.model import Digest, Report, Transition, TransitionKind
from scanner.transitions import QUEUEING, SETTLING
from tests.examples import NOW
from tests.fakes import InMemoryReportStore, InMemoryStreams, RecordingOutbox
from tests.reports import (
    AMD64,
    ARM64,
    deleted_report,
    healthy_report,
    index_report,
    unhealthy_report,
)

INDEX = Digest("sha256:" + "1d" * 32)
OTHER = Digest("sha256:" + "0e" * 32)
MINUTE = timedelta(minutes=1)


@dataclass(kw_only=True)
class World:
    """Stores and an outbox, and a herald on them."""

    now: datetime = NOW
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    streams: InMemoryStreams = field(default_factory=InMemoryStreams)
    outbox: RecordingOutbox = field(default_factory=RecordingOutbox)

    def herald(self) -> Herald:
        """Return a herald as another worker would have it."""
        return Herald(
            store=self.store, streams=self.streams, outbox=self.outbox, clock=lambda: self.now
        )

    def publish(self, report: Report, *, part_of: Digest | None = None) -> list[str]:
        """Store a report, look, and return what is told because of it."""
        before = len(self.outbox.announced)
        self.store.save(report, part_of=part_of)
        self.herald().observe(report.image)
        return [f"{one.stream.name} {one.kind}" for one in self.outbox.announced[before:]]

    def told_to(self, *tags: str) -> list[str]:
        """Return all that those are told who follow nothing but some tags."""
        return [f"{one.stream.name} {one.kind}" for one in self.outbox.told_to(*tags)]


@pytest.fixture
def world() -> World:
    """A world in which nothing was judged."""
    return World()


def _at(report: Report, digest: Digest, *, minutes: int = 0) -> Report:
    """Return the report as one on another image, pushed later."""
    moment = NOW + minutes * MINUTE
    return replace(
        report,
        id=(digest.hex[:60] + f"{minutes:04}"),
        image=replace(report.image, digest=digest),
        requested_at=moment,
        as_of=moment,
    )


def test_the_tags_of_an_image_are_told_as_one(world: World) -> None:
    """Whichever comes first."""
    assert world.publish(unhealthy_report(tag="v7")) == ["v7 newly-unhealthy"]
    assert world.publish(unhealthy_report(tag="latest", requested_at=NOW + MINUTE)) == []
    assert world.publish(healthy_report(as_of=NOW + MINUTE)) == []
    world.now += SETTLING
    assert world.herald().wake() == 2
    [one] = world.outbox.announced[1:]
    assert one.kind is TransitionKind.RESOLVED


def test_who_follows_a_tag_hears_of_it_when_an_unhealthy_image_gets_it(world: World) -> None:
    """Once, and of its end as well; who follows the tag before hears of neither again."""
    world.publish(unhealthy_report(tag="v7"))
    assert world.outbox.told_to("prod") == []
    assert world.publish(unhealthy_report(tag="prod", requested_at=NOW + MINUTE)) == []
    world.publish(unhealthy_report(tag="edge", requested_at=NOW + 2 * MINUTE))
    assert world.told_to("prod") == ["prod newly-unhealthy"]
    assert world.told_to("v7", "prod") == ["v7 newly-unhealthy"]
    world.publish(deleted_report(as_of=NOW + 3 * MINUTE))
    assert world.told_to("prod") == ["prod newly-unhealthy", "prod resolved"]
    assert [kind.split()[1] for kind in world.told_to("v7", "prod", "edge")] == [
        "newly-unhealthy",
        "resolved",
    ]


def test_who_follows_a_tag_that_moves_to_an_image_others_know_hears_of_it(world: World) -> None:
    """It names a healthy image first, and an unhealthy one then."""
    world.publish(_at(healthy_report(tag="prod"), OTHER))
    world.publish(unhealthy_report(tag="v7"))
    assert world.publish(unhealthy_report(tag="prod", requested_at=NOW + MINUTE)) == []
    assert world.told_to("prod") == ["prod newly-unhealthy"]


def test_a_tag_that_moves_on_is_resolved_and_the_others_are_not(world: World) -> None:
    """They still name the unhealthy image."""
    world.publish(unhealthy_report(tag="v7"))
    world.publish(unhealthy_report(tag="latest", requested_at=NOW + MINUTE))
    mended = _at(healthy_report(tag="latest"), OTHER, minutes=2)
    assert world.publish(mended) == ["latest resolved"]
    assert world.publish(replace(mended, image=replace(mended.image, tag="new"))) == []


def test_a_tag_that_comes_back_to_an_unhealthy_image_is_told_again(world: World) -> None:
    """Its people were told that all is well."""
    world.publish(unhealthy_report(tag="latest"))
    world.publish(_at(healthy_report(tag="latest"), OTHER, minutes=1))
    world.now += 2 * MINUTE
    back = unhealthy_report(tag="latest", requested_at=NOW + 2 * MINUTE)
    assert world.publish(back) == ["latest newly-unhealthy"]


def test_an_index_speaks_for_its_platforms(world: World) -> None:
    """One message, though they turn one by one, each by a job of its own."""
    amd64, arm64 = (_at(healthy_report(tag=None), Digest.of(name)) for name in (b"amd64", b"arm64"))
    for part in (amd64, arm64):
        world.store.save(part, part_of=INDEX)
    healthy = index_report((AMD64, amd64), (ARM64, arm64), digest=INDEX)
    assert world.publish(healthy) == []
    told = []
    for minutes, digest in enumerate((amd64.image.digest, arm64.image.digest), start=1):
        bad = _at(unhealthy_report(tag=None), digest, minutes=minutes)
        told += world.publish(bad, part_of=INDEX)
        index = index_report((AMD64, bad), (ARM64, arm64), digest=INDEX)
        told += world.publish(replace(index, as_of=NOW + minutes * MINUTE))
    assert told == ["v7 newly-unhealthy"]


def test_an_image_without_tag_is_followed_until_it_has_one(world: World) -> None:
    """From then on by that; and once it has lost it, by nobody."""
    digest = unhealthy_report().image.digest
    assert world.publish(unhealthy_report(tag=None)) == [f"{digest} newly-unhealthy"]
    assert world.publish(unhealthy_report(tag="v7", requested_at=NOW + MINUTE)) == []
    mended = _at(healthy_report(tag="v7"), OTHER, minutes=2)
    assert world.publish(mended) == ["v7 resolved"]
    assert world.publish(unhealthy_report(tag=None, as_of=NOW + 3 * MINUTE)) == []
    assert world.publish(deleted_report(as_of=NOW + 4 * MINUTE)) == []


def test_a_deleted_image_without_tag_is_resolved(world: World) -> None:
    """Nobody needs to mend what is gone."""
    world.publish(unhealthy_report(tag=None))
    digest = unhealthy_report().image.digest
    assert world.publish(deleted_report(as_of=NOW + MINUTE)) == [f"{digest} resolved"]


def test_what_could_not_be_queued_is_queued_by_the_clock(world: World) -> None:
    """Its worker died, or the queue was out of reach and the job was given up."""
    world.outbox.outage = StoreError("the queue is out of reach")
    with pytest.raises(StoreError):
        world.publish(unhealthy_report())
    world.outbox.outage = None
    assert world.herald().wake() == 0
    world.now += QUEUEING
    assert world.herald().wake() == 1
    assert world.outbox.report_ids == [unhealthy_report().id]
    assert world.herald().wake() == 0


def test_who_was_to_speak_for_all_tags_and_died_speaks_later(world: World) -> None:
    """The others keep silent because of it, so it must not be lost."""
    world.outbox.outage = StoreError("the queue is out of reach")
    with pytest.raises(StoreError):
        world.publish(unhealthy_report(tag="v7"))
    world.outbox.outage = None
    other = unhealthy_report(tag="latest", requested_at=NOW + MINUTE)
    assert world.publish(other) == ["v7 newly-unhealthy"]


class RefusingOutbox(RecordingOutbox):
    """Takes all but what is about tag v7."""

    def announce(self, transition: Transition, *, known_by: frozenset[str] | None = None) -> None:
        """Take it, or not."""
        if transition.stream.name == "v7":
            raise StoreError("v7 is not taken")
        super().announce(transition, known_by=known_by)


def test_one_stream_that_fails_holds_up_no_other(world: World) -> None:
    """And it is said in the end."""
    world.outbox.outage = StoreError("the queue is out of reach")
    for tag, digest in (("v7", OTHER), ("v8", INDEX)):
        with pytest.raises(StoreError):
            world.publish(_at(unhealthy_report(tag=tag), digest))
    world.outbox = RefusingOutbox()
    world.now += QUEUEING
    with pytest.raises(StoreError, match="v7 is not taken"):
        world.herald().wake()
    assert [one.stream.name for one in world.outbox.announced] == ["v8"]


def test_a_stream_that_nobody_follows_any_more_is_left_alone(world: World) -> None:
    """The index came after its platform: what settled there is the index's to tell."""
    platform = unhealthy_report(tag=None)
    world.publish(platform)
    world.publish(healthy_report(tag=None, as_of=NOW + MINUTE))
    world.store.save(healthy_report(tag=None, as_of=NOW + MINUTE), part_of=INDEX)
    world.store.save(index_report((AMD64, healthy_report()), digest=INDEX))
    world.now += SETTLING + MINUTE
    assert world.herald().wake() == 1
    assert len(world.outbox.announced) == 1
    assert world.herald().wake() == 0


def test_what_was_just_read_is_not_read_again(world: World) -> None:
    """Nothing is asked of the store, and what is known of the stream is the same."""
    report = healthy_report(tag=None)
    standing = Standing(world.store.save(report), report)
    world.store.outage = StoreError("the store is out of reach")
    world.herald().observe(report.image, standing)
    known = dict(world.streams.states)
    world.store.outage = None
    world.streams.states.clear()
    world.herald().observe(report.image)
    assert world.streams.states == known
    assert len(known) == 1


def test_what_was_read_of_one_image_says_nothing_of_another(world: World) -> None:
    """A tag may have moved on by now."""
    report = unhealthy_report(tag="latest")
    standing = Standing(world.store.save(report), report)
    world.store.save(_at(healthy_report(tag="latest"), OTHER, minutes=1))
    world.herald().observe(report.image, standing)
    assert world.outbox.announced == []


def test_a_stream_of_which_there_is_no_news_is_not_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly all are so whenever images are judged again."""
    report = unhealthy_report(tag="latest")
    world.publish(report)
    monkeypatch.delattr(InMemoryStreams, "change")
    assert world.publish(report) == []
