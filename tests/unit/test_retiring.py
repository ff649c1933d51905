from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from scanner.errors import RegistryError
from scanner.jobs import decode, retire_job
from scanner.model import (
    Deletion,
    Digest,
    NotApplicable,
    NotApplicableReason,
    Report,
    RetireJob,
)
from scanner.ports import ResolvedImage
from scanner.publishing import Publisher
from scanner.retiring import Retirement
from tests.examples import DIGEST, IMAGE, NOW, REGISTRY
from tests.fakes import (
    InMemoryReportStore,
    InMemoryStreams,
    RecordingOutbox,
    StubRegistry,
    publisher_on,
)
from tests.policies import STRICT
from tests.reports import AMD64, healthy_report, unhealthy_report

MUCH_LATER = NOW + timedelta(hours=1)
OTHER = Digest("sha256:" + "a6" * 32)


@dataclass(kw_only=True)
class World:
    """All that a retirement touches."""

    now: datetime = MUCH_LATER
    registry: StubRegistry = field(default_factory=StubRegistry)
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    outbox: RecordingOutbox = field(default_factory=RecordingOutbox)
    streams: InMemoryStreams = field(default_factory=InMemoryStreams)
    messages: list[str] = field(default_factory=list)

    def publisher(self) -> Publisher:
        """Return what stores and tells."""
        return publisher_on(
            self.store,
            self.streams,
            self.outbox,
            rulebook=lambda: STRICT,
            clock=lambda: self.now,
        )

    def retire(self, job: RetireJob) -> None:
        """Run one job."""
        Retirement(
            registry=self.registry,
            publisher=self.publisher(),
            enqueue=self.messages.append,
            clock=lambda: self.now,
        ).retire(job)

    def reasons(self) -> list[str]:
        """Return what is said of the image now."""
        current = self.store.current(IMAGE)
        return [] if current is None else [current.reason]


@pytest.fixture
def world() -> World:
    """A world in which the registry is empty and an unhealthy image is known."""
    world = World()
    world.store.save(unhealthy_report())
    return world


def deletion(*, digest: Digest | None = None, tag: str | None = None) -> RetireJob:
    """Return the job on a deletion in `shop/cart`."""
    named = Deletion(registry=REGISTRY, repository="shop/cart", digest=digest, tag=tag)
    return retire_job(named, requested_at=NOW)


def _put(world: World) -> None:
    world.registry.manifests[DIGEST] = ResolvedImage(
        reference=IMAGE, platform=AMD64, manifest=b"{}", config=b"{}"
    )


def test_what_the_registry_no_longer_has_is_retired(world: World) -> None:
    """It leaves the list; what was said of it before is named."""
    before = world.store.current(IMAGE)
    assert before is not None
    world.retire(deletion(digest=DIGEST))
    current = world.store.current(IMAGE)
    assert current is not None
    assert (current.reason, current.report_before) == ("deleted", before.report_id)
    assert list(world.store.list_current()) == []


def test_what_is_still_there_stays(world: World) -> None:
    """A forged or late event says nothing against the registry."""
    _put(world)
    world.retire(deletion(digest=DIGEST))
    assert world.reasons() == [""]


def test_what_was_just_deleted_and_is_still_there_is_asked_for_again(world: World) -> None:
    """A replica may answer that does not know of it yet."""
    _put(world)
    world.now = NOW + timedelta(seconds=89)
    with pytest.raises(RegistryError, match="still in the registry"):
        world.retire(deletion(digest=DIGEST))
    world.now = NOW + timedelta(seconds=90)
    world.retire(deletion(digest=DIGEST))
    assert world.reasons() == [""]


def test_a_deletion_that_comes_twice_is_one(world: World) -> None:
    """The same report, and the same history."""
    world.retire(deletion(digest=DIGEST))
    first = world.store.current(IMAGE)
    world.now += timedelta(minutes=1)
    world.retire(deletion(digest=DIGEST))
    second = world.store.current(IMAGE)
    assert first is not None
    assert second == replace(first, as_of=world.now)


def test_a_scan_that_began_before_the_deletion_does_not_bring_the_image_back(world: World) -> None:
    """It was judged while it was being deleted."""
    world.retire(deletion(digest=DIGEST))
    world.store.save(healthy_report(as_of=NOW + timedelta(minutes=1)))
    assert world.reasons() == ["deleted"]


def test_an_image_that_was_never_judged_is_retired_before_its_scan_ends() -> None:
    """Deletions overtake scans."""
    world = World()
    world.retire(deletion(digest=DIGEST))
    world.store.save(unhealthy_report())
    assert world.reasons() == ["deleted"]


def test_a_registry_out_of_reach_retires_nothing(world: World) -> None:
    """No answer is not the answer that it is gone."""
    world.registry.outage = RegistryError("away")
    with pytest.raises(RegistryError, match="away"):
        world.retire(deletion(digest=DIGEST))
    assert world.reasons() == [""]


def test_what_is_no_image_but_there_stays(world: World) -> None:
    """Only `deleted` is gone."""
    world.registry.manifests[DIGEST] = NotApplicable(reason=NotApplicableReason.SIGNATURE)
    world.retire(deletion(digest=DIGEST))
    assert world.reasons() == [""]


def _in_repository(repository: str) -> Report:
    image = replace(IMAGE, repository=repository, digest=OTHER)
    return replace(healthy_report(), id=repository.replace("/", "-"), image=image)


@pytest.mark.parametrize(
    ("job", "digests"),
    [
        (deletion(), [DIGEST, OTHER]),
        (deletion(tag="v7"), [OTHER]),
        (deletion(tag="unknown"), []),
    ],
)
def test_a_tag_or_a_repository_is_looked_after_manifest_by_manifest(
    world: World, job: RetireJob, digests: list[Digest]
) -> None:
    """Each known one gets a job of its own; the registry says of each whether it is gone."""
    later = replace(_in_repository("shop/cart"), requested_at=MUCH_LATER)
    for report in (
        later,
        _in_repository("shop/cart2"),
        _in_repository("shop"),
        _in_repository("a"),
    ):
        world.store.save(report)
    world.retire(job)
    queued = [decode(message.encode()) for message in world.messages]
    assert queued == [deletion(digest=digest) for digest in digests]
    assert world.registry.resolved == []
