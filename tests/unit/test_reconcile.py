from dataclasses import replace
from datetime import timedelta

import pytest

from scanner import jobs
from scanner.errors import RegistryError
from scanner.model import ImageReference, NotApplicableReason, ScanJob
from scanner.ports import ManifestPage
from scanner.reconcile import Choice
from scanner.reconcile.vanished import Vanished
from tests.examples import NOW, REGISTRY
from tests.reconciling import OLD, World, digest
from tests.reports import healthy_report, not_applicable_report


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
