import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner import jobs
from scanner.errors import RegistryError
from scanner.model import ImageReference, NotApplicableReason, ScanJob
from scanner.ports import ListedManifest, ManifestPage, Sighting
from scanner.reconcile import Choice, unjudged
from scanner.reconcile.vanished import Vanished
from tests.catalogue_fakes import InMemoryCatalogue, InMemoryQueue, InMemorySightings
from tests.examples import NOW, REGISTRY
from tests.reconciling import OLD, World, digest
from tests.reports import healthy_report, not_applicable_report

OTHER = "fabrikam.azurecr.io"


@pytest.fixture
def world() -> World:
    """An empty registry."""
    return World()


def test_what_no_event_brought_is_queued(world: World) -> None:
    """An import, a lost event, the first run: with its tag, dated at its last change."""
    image = world.add()
    tally = world.run()
    assert (tally.listed, tally.unseen, tally.queued, tally.is_complete) == (1, 1, 1, True)
    assert world.jobs() == [ScanJob(id=jobs.job_id(image), image=image, requested_at=OLD)]


def test_what_has_a_verdict_is_left_alone(world: World) -> None:
    """Also what is no image: its verdict says so."""
    world.judge(world.add(1))
    signature = world.add(2)
    world.store.save(replace(not_applicable_report(), image=signature))
    assert world.run().queued == 0


def test_what_was_deleted_and_is_there_again_is_queued(world: World) -> None:
    """The event of the second push was lost."""
    image = world.add()
    gone = not_applicable_report()
    verdict = replace(gone.verdict, reason=NotApplicableReason.DELETED)
    world.store.save(replace(gone, image=image, verdict=verdict))
    assert world.run().queued == 1


def test_platforms_of_a_judged_index_are_not_queued(world: World) -> None:
    """Their rows came with the index."""
    index, child = world.add(1), world.add(2, tag=None)
    world.judge(index)
    world.store.save(replace(healthy_report(), image=child, id="child"), part_of=index.digest)
    assert world.run().queued == 0


def test_what_has_no_tag_waits_for_the_next_pass(world: World) -> None:
    """Its index is queued first, and brings it; what has none is queued an hour later."""
    world.add(1, tag="v1")
    world.add(2, tag=None)
    assert world.run().queued == 1
    world.now += timedelta(hours=1)
    assert world.run().queued == 1
    assert [job.image.digest for job in world.jobs()] == [digest(1), digest(2)]


def test_a_push_of_this_moment_is_left_to_its_event(world: World) -> None:
    """Its job is on the way; if it is not, the next run sees to it."""
    world.add(updated_at=NOW - timedelta(minutes=1))
    assert world.run().queued == 0
    world.now += timedelta(hours=1)
    assert world.run().queued == 1


def test_what_waits_in_the_queue_is_not_queued_again(world: World) -> None:
    """Until it must be taken for lost."""
    world.add()
    for _ in range(11):
        world.run()
        world.now += timedelta(hours=1)
    assert len(world.queue.messages) == 1
    world.now += timedelta(hours=1)
    world.run()
    assert len(world.queue.messages) == 2


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


def test_what_is_judged_and_listed_no_more_is_queued_to_be_retired(world: World) -> None:
    """Its deletion was lost: at the first page, between two, behind the last, and all of them."""
    images = [world.add(number) for number in range(1, 7)]
    for image in images:
        world.judge(image)
    world.add(1, repository="shop/other")
    world.now += timedelta(hours=1)
    assert world.run().vanished == 0
    for number in (1, 4, 6):
        del world.catalogue.listed[REGISTRY]["shop/cart"][digest(number)]
    assert (world.run().vanished, world.retired()) == (3, [digest(n) for n in (1, 4, 6)])
    world.queue.messages.clear()
    world.catalogue.listed[REGISTRY]["shop/cart"].clear()
    assert (world.run().vanished, world.retired()) == (6, [digest(n) for n in range(1, 7)])


def test_what_was_judged_while_the_registry_was_listed_has_not_vanished(world: World) -> None:
    """It may have been pushed behind the page that would list it."""
    world.catalogue.listed[REGISTRY] = {"shop/cart": {}}
    image = ImageReference(registry=REGISTRY, repository="shop/cart", digest=digest(1))
    world.judge(image)
    assert world.run().vanished == 0


def test_nothing_is_taken_for_vanished_where_a_registry_lists_in_another_order(
    world: World,
) -> None:
    """What is missing from a page may then come on any other."""
    for number in (1, 2, 3):
        world.judge(world.add(number))
    rows = list(world.catalogue.listed[REGISTRY]["shop/cart"].values())
    page = ManifestPage(manifests=(rows[2], rows[0]), after=str(digest(1)))
    vanished = Vanished(
        world.store, REGISTRY, "shop/cart", after="", before=NOW + timedelta(hours=1)
    )
    assert [*vanished.among(page), *vanished.at_end()] == []


def test_what_has_vanished_waits_for_room_in_the_queue(world: World) -> None:
    """It is no more urgent than pushes are."""
    for number in range(1, 7):
        world.judge(world.add(number))
    world.catalogue.listed[REGISTRY]["shop/cart"].clear()
    world.now += timedelta(hours=1)
    world.queue_limit = 4
    tally = world.run()
    assert (tally.vanished, tally.is_complete) == (4, False)


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


def test_repositories_are_chosen_by_globs(world: World) -> None:
    """Allowed by one, denied by none."""
    world.choice = Choice(allow=("shop/*", "base"), deny=("*/cache",))
    for number, repository in enumerate(("base", "shop/api", "shop/cache", "web"), 1):
        world.add(number, repository=repository)
    world.run()
    assert [job.image.repository for job in world.jobs()] == ["base", "shop/api"]


def test_named_repositories_need_no_catalogue(world: World) -> None:
    """A registry with ABAC may let nobody list it."""
    world.add(repository="shop/api")
    world.catalogue.outages[REGISTRY] = RegistryError("not allowed")
    world.choice = Choice(allow=("shop/api", "shop/none"))
    assert world.run().queued == 1


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
