import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from scanner import jobs
from scanner.errors import RegistryError
from scanner.model import ImageReference, ScanJob
from scanner.ports import ListedManifest, ManifestPage, Sighting
from scanner.reconcile import unjudged
from tests.catalogue_fakes import InMemoryCatalogue, InMemoryQueue, InMemorySightings
from tests.examples import NOW, REGISTRY
from tests.reconciling import OLD, World, digest

OTHER = "fabrikam.azurecr.io"


@pytest.fixture
def world() -> World:
    """An empty registry."""
    return World()


def test_a_full_queue_stops_the_run_and_the_next_goes_on(world: World) -> None:
    """Nothing is skipped and nothing queued twice."""
    images = [world.add(number) for number in range(1, 8)]
    world.queue_limit = 3
    queued = []
    while not world.run().is_complete:
        assert world.queue.depth() == 3
        queued += world.jobs()
        world.queue.messages.clear()
    assert [job.image for job in queued + world.jobs()] == images


def test_a_full_queue_is_told(world: World) -> None:
    """`pushscan status` shows why it stands still; what was met is counted as unseen."""
    world.add()
    world.queue_limit = 0
    assert not world.run().is_complete
    progress = world.sightings.progress(REGISTRY)
    assert progress is not None
    assert (progress.fault, progress.pass_ended_at) == ("enough jobs wait", None)
    assert len(world.sightings.by_image) == 1


class DiedError(BaseException):
    """The process was killed."""


@pytest.mark.parametrize("dies_at_page", range(1, 9))
def test_a_run_that_died_goes_on_where_it_stopped(world: World, dies_at_page: int) -> None:
    """At whichever page: in the end each image was queued once."""
    images = [world.add(number, repository=f"r{number // 5}", tag="v1") for number in range(1, 15)]
    pages: list[str] = []
    world.catalogue.during_page = dying(pages, dies_at_page)
    with pytest.raises(DiedError):
        world.run()
    died_in = pages[-1]
    world.catalogue.during_page = pages.append
    assert world.run().is_complete
    assert [job.image for job in world.jobs()] == images
    assert died_in in pages[dies_at_page:]


def dying(pages: list[str], at: int) -> Callable[[str], None]:
    """Kill the process before a page."""

    def before_page(what: str) -> None:
        pages.append(what)
        if len(pages) == at:
            raise DiedError

    return before_page


def test_a_run_ends_with_its_time_and_the_next_goes_on(world: World) -> None:
    """A large registry takes several runs."""
    for number in range(1, 40):
        world.add(number)
    world.tick = timedelta(seconds=20)
    assert not world.run().is_complete
    first = len(world.queue.messages)
    assert 0 < first < 39
    runs = 1
    while not world.run().is_complete:
        runs += 1
    assert runs > 1
    assert [job.image.digest for job in world.jobs()] == [digest(n) for n in range(1, 40)]


def test_a_repository_that_refuses_hides_no_other(world: World) -> None:
    """It is named where the operator looks."""
    world.add(1, repository="a")
    world.add(2, repository="b")
    world.catalogue.outages[f"{REGISTRY}/a"] = RegistryError("not allowed")
    tally = world.run()
    progress = world.sightings.progress(REGISTRY)
    assert (tally.queued, tally.is_complete) == (1, False)
    assert progress is not None
    assert progress.fault == "not listed: a"


def test_a_registry_out_of_reach_hides_no_other(world: World) -> None:
    """And the one that waits longest comes first."""
    world.registries = frozenset({REGISTRY, OTHER})
    world.add(1)
    world.add(2, registry=OTHER)
    world.catalogue.outages[REGISTRY] = RegistryError("cannot be reached")
    assert world.run().queued == 1
    world.catalogue.outages.clear()
    assert world.run().queued == 1
    assert {job.image.registry for job in world.jobs()} == {REGISTRY, OTHER}


def test_what_is_gone_or_judged_is_no_longer_unseen(world: World) -> None:
    """After the pass that met it no more; and at once for who asks."""
    gone, judged, waiting = world.add(1), world.add(2), world.add(3)
    world.run()
    assert [entry.image for entry in unjudged(world.store, world.sightings)] == [
        gone,
        judged,
        waiting,
    ]
    world.judge(judged)
    assert len(list(unjudged(world.store, world.sightings))) == 2
    del world.catalogue.listed[REGISTRY]["shop/cart"][gone.digest]
    world.now += timedelta(hours=1)
    world.run()
    (left,) = world.sightings.by_image.values()
    assert (left.image, left.first_seen_at) == (waiting, NOW)


class _Counted(InMemoryQueue):
    """Counts and checks, and keeps nothing."""

    sent = 0

    def send(self, message: str, *, delay_seconds: int = 0) -> None:  # noqa: ARG002 - as its base
        """Check that the images come in their order, each once."""
        job = jobs.decode(message.encode())
        assert isinstance(job, ScanJob)
        assert job.image.digest == digest(self.sent % 1000 + 1)
        self.sent += 1


class _Endless(InMemoryCatalogue):
    """Ten repositories of 1,000 images each, made while they are listed."""

    def repositories(self, registry: str, *, after: str = "") -> Iterator[tuple[str, ...]]:
        """Yield one page."""
        assert registry == REGISTRY
        yield tuple(name for name in (f"r{n}" for n in range(10)) if name > after)

    def manifests(
        self, registry: str, repository: str, *, after: str = ""
    ) -> Iterator[ManifestPage]:
        """Yield ten pages of a hundred."""
        for first in range(1, 1001, 100):
            page = tuple(
                ListedManifest(
                    image=ImageReference(
                        registry=registry, repository=repository, digest=digest(n), tag="v"
                    ),
                    tags=("v",),
                    updated_at=OLD,
                )
                for n in range(first, first + 100)
            )
            if str(page[-1].image.digest) > after:
                yield ManifestPage(manifests=page, after=str(page[-1].image.digest))


class _Forgetful(InMemorySightings):
    """Stands for a table: what is in it takes no memory here."""

    def save(self, sighting: Sighting) -> None:
        """Forget at once."""


def test_ten_thousand_manifests_take_no_more_memory_than_a_page(world: World) -> None:
    """What is held is one page; everything else stands in tables and queues."""
    queue = _Counted()
    world.catalogue, world.queue, world.sightings = _Endless(), queue, _Forgetful()
    world.queue_limit = 20_000
    tracemalloc.start()
    try:
        tally = world.run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tally.listed, tally.queued, queue.sent) == (10_000, 10_000, 10_000)
    assert peak < 2 * 1024 * 1024
