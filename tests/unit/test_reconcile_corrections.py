from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from scanner import jobs
from scanner.errors import RegistryError
from scanner.model import Deletion, ImageReference, ScanJob
from scanner.reconcile import Choice
from tests.catalogue_fakes import InMemoryCatalogue
from tests.examples import NOW, REGISTRY
from tests.reconciling import World
from tests.reports import healthy_report

HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> World:
    """A registry an hour after everything in it was pushed and judged."""
    return World(now=NOW + HOUR)


def judged(world: World, number: int, *tags: str) -> ImageReference:
    """List an image, and judge its push with the first of its tags."""
    image = world.add(number, tag=None)
    world.catalogue.add(image, updated_at=NOW - HOUR, tags=tags)
    pushed = replace(image, tag=tags[0] if tags else None)
    report = replace(healthy_report(), image=pushed, id=f"r-{number}", requested_at=NOW - HOUR)
    world.store.save(report)
    return pushed


def test_a_tag_that_moved_to_a_known_image_is_queued_with_it(world: World) -> None:
    """As the lost event would have been, and dated when the list was asked for."""
    judged(world, 1, "v1")
    target = judged(world, 2)
    world.catalogue.add(world.add(1, tag=None), updated_at=NOW - HOUR)
    world.catalogue.add(target, updated_at=NOW - HOUR, tags=("v1",))
    tally = world.run()
    assert (tally.retagged, tally.unseen, tally.queued) == (1, 0, 0)
    moved = replace(target, tag="v1")
    assert world.jobs() == [
        ScanJob(id=jobs.job_id(moved), image=moved, requested_at=NOW + HOUR),
    ]


def test_once_that_job_is_done_nothing_is_left_to_correct(world: World) -> None:
    """The image that lost its last tag says so, and the next run finds all in order."""
    first = judged(world, 1, "v1")
    target = judged(world, 2)
    world.catalogue.add(world.add(1, tag=None), updated_at=NOW - HOUR)
    world.catalogue.add(target, updated_at=NOW - HOUR, tags=("v1",))
    world.run()
    (job,) = world.jobs()
    world.store.save(
        replace(healthy_report(), image=job.image, id="r-2", requested_at=job.requested_at)
    )
    loser = world.store.current(first)
    assert loser is not None
    assert loser.is_untagged
    world.queue.messages.clear()
    world.now += HOUR
    assert world.run().retagged == 0
    assert world.queue.messages == []


def test_every_tag_of_an_image_is_learnt(world: World) -> None:
    """Its first push was told, or one of its tags came with the list: the others follow."""
    image = judged(world, 1, "v1", "v1.2", "latest")
    tally = world.run()
    assert tally.retagged == 2
    assert [job.image for job in world.jobs()] == [
        replace(image, tag="v1.2"),
        replace(image, tag="latest"),
    ]


def test_tags_of_what_nobody_has_judged_come_after_its_verdict(world: World) -> None:
    """One job judges it; three would examine it three times."""
    image = world.add(1, tag="v1")
    world.catalogue.add(image, updated_at=NOW - HOUR, tags=("v1", "v2", "v3"))
    tally = world.run()
    assert (tally.queued, tally.retagged) == (1, 0)


@pytest.mark.parametrize("who", ["list", "store"])
def test_a_push_of_this_moment_is_left_to_its_own_event(world: World, who: str) -> None:
    """The event may be under way; or it has come, and the replica that lists does not know yet."""
    judged(world, 1, "v1")
    target = judged(world, 2)
    just_now = world.now - timedelta(minutes=9)
    listed_at = just_now if who == "list" else NOW - HOUR
    pushed_at = just_now if who == "store" else NOW - HOUR
    world.catalogue.add(target, updated_at=listed_at, tags=("v1",))
    holder = replace(world.add(1, tag=None), tag="v1")
    world.store.save(replace(healthy_report(), image=holder, id="r-1", requested_at=pushed_at))
    assert world.run().retagged == 0
    world.now += timedelta(minutes=2)
    world.run()
    assert [job.image.tag for job in world.jobs() if job.image.digest == target.digest] == ["v1"]


def test_moved_tags_wait_for_room_in_the_queue(world: World) -> None:
    """The next run goes on with them."""
    judged(world, 1, *(f"v{number}" for number in range(9)))
    world.queue_limit = 5
    tally = world.run()
    assert (tally.retagged, tally.is_complete) == (5, False)


def gone(world: World, *repositories: str) -> None:
    """Judge an image in each repository, and then take the repositories away."""
    for repository in repositories:
        world.judge(world.add(1, repository=repository))
        del world.catalogue.listed[REGISTRY][repository]


def test_a_repository_that_is_gone_altogether_is_retired(world: World) -> None:
    """One job, which asks for each of its images; what is there is left alone."""
    gone(world, "a/b", "shop/cart")
    world.judge(world.add(2, repository="base"))
    tally = world.run()
    assert (tally.vanished, tally.is_complete) == (2, True)
    assert world.deletions() == [
        Deletion(registry=REGISTRY, repository="a/b"),
        Deletion(registry=REGISTRY, repository="shop/cart"),
    ]


def test_nothing_is_taken_for_gone_where_the_catalogue_breaks_off(world: World) -> None:
    """What the missing page would have named looks just like it."""
    gone(world, "shop/cart")
    world.catalogue.outages[REGISTRY] = RegistryError("not allowed")
    assert (world.run().vanished, world.queue.messages) == (0, [])


def test_nothing_is_taken_for_gone_on_any_other_answer(world: World) -> None:
    """A refusal is told, hides no other repository, and retires nothing."""
    gone(world, "a", "b")
    world.catalogue.outages[f"{REGISTRY}/a"] = RegistryError("not allowed")
    tally = world.run()
    assert (tally.vanished, tally.is_complete) == (1, False)
    assert [deletion.repository for deletion in world.deletions()] == ["b"]
    progress = world.sightings.progress(REGISTRY)
    assert progress is not None
    assert progress.fault == "not listed: a"


@dataclass(kw_only=True)
class _Listing(InMemoryCatalogue):
    """A registry that names some repositories only when it is asked for them."""

    hidden: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def repositories(self, registry: str, *, after: str = "") -> Iterator[tuple[str, ...]]:
        """Yield the others."""
        for page in super().repositories(registry, after=after):
            yield tuple(name for name in page if name not in self.hidden)

    def has_repository(self, registry: str, repository: str) -> bool:
        """Remember who was asked for."""
        self.asked.append(repository)
        return super().has_repository(registry, repository)


def test_a_repository_that_the_list_left_out_is_not_gone(world: World) -> None:
    """It was pushed, told and judged behind the page that would name it."""
    world.catalogue = _Listing(hidden=frozenset({"a"}))
    world.judge(world.add(1, repository="a"))
    world.judge(world.add(2, repository="b"))
    assert (world.run().vanished, world.queue.messages) == (0, [])


def test_repositories_that_are_not_reconciled_are_not_asked_for(world: World) -> None:
    """Whoever leaves them out may have no right to see them."""
    gone(world, "a", "b")
    world.choice = Choice(deny=("a",))
    world.run()
    assert [deletion.repository for deletion in world.deletions()] == ["b"]


def test_a_pass_of_several_runs_knows_what_the_first_of_them_listed(world: World) -> None:
    """Only what none of them came across is asked for."""
    world.catalogue = catalogue = _Listing(page_size=2)
    for number in range(1, 30):
        world.judge(world.add(number, repository=f"r{number:02}"))
    gone(world, "z")
    world.tick = timedelta(seconds=10)
    runs = 1
    while not world.run().is_complete:
        runs += 1
    assert runs > 1
    assert catalogue.asked == ["z"]
    assert world.deletions() == [Deletion(registry=REGISTRY, repository="z")]
