"""Many stored images in one job."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner import rejudging
from scanner.asking_registry import HANDFUL, WAIT_SECONDS
from scanner.errors import StoreError
from scanner.jobs import encode
from scanner.model import (
    Digest,
    LayerInventory,
    Status,
)
from scanner.rejudge_messages import RejudgeJob, decode_job
from tests.contracts.inventory_store_contract import digest_of
from tests.examples import ADVISORIES, IMAGE, job
from tests.rejudging import AMD_IMAGE, ARM_IMAGE, INDEX, NEWER, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with nothing in it."""
    return World(scratch=tmp_path)


def test_many_images_are_matched_together(world: World) -> None:
    """Of each all that must be done is done, whatever becomes of the others."""
    images = [replace(IMAGE, digest=digest_of(f"image {n}"), tag=None) for n in range(5)]
    for image in images:
        world.push(image)
    lost = images[2]
    del world.inventories.inventories[world.scanner.profile(ADVISORIES), lost.digest]
    world.learn(*images[:2])
    world.scanner.matched.clear()
    world.rejudge(*images)
    assert [world.current(image).status for image in images] == [
        *[Status.UNHEALTHY] * 2,
        *[Status.HEALTHY] * 3,
    ]
    assert len(world.scanner.matched) == 4
    assert world.rescanned() == [lost]
    assert len(world.outbox.announced) == 2


def test_one_manifest_in_two_repositories_is_judged_in_both(world: World) -> None:
    """As when an image is promoted: each has a verdict of its own."""
    other = replace(IMAGE, repository="shop/promoted", tag=None)
    world.push()
    world.registry.manifests.clear()
    world.push(other)
    world.learn(IMAGE)
    world.rejudge(IMAGE, other)
    assert world.current(IMAGE).status is Status.UNHEALTHY
    assert world.current(other).status is Status.UNHEALTHY
    assert {told.image.repository for told in world.outbox.announced} == {
        IMAGE.repository,
        other.repository,
    }


def test_a_platform_that_is_named_too_is_judged_once(world: World) -> None:
    """A stretch has an index and what it lists."""
    world.push_index()
    world.learn(ARM_IMAGE)
    world.scanner.matched.clear()
    world.rejudge(ARM_IMAGE, INDEX, AMD_IMAGE)
    assert sorted(world.scanner.matched) == sorted([(ARM_IMAGE.digest,), (AMD_IMAGE.digest,)])
    assert world.current(INDEX).status is Status.UNHEALTHY


def test_an_image_that_is_at_fault_keeps_no_other_from_its_verdict(world: World) -> None:
    """The job is taken apart, and each image has its own tries."""
    images = [replace(IMAGE, digest=digest_of(f"image {n}"), tag=None) for n in range(3)]
    for image in images:
        world.push(image)
    world.learn(*images)
    find = world.inventories.find

    def damaged(profile: str, diff_id: Digest) -> LayerInventory | None:
        if diff_id == images[1].digest:
            raise StoreError("inventories.read: not of schema")
        return find(profile, diff_id)

    world.inventories.find = damaged  # type: ignore[method-assign]
    world.rejudge(*images)
    alone = [decode_job(message.encode()) for message in world.later.messages]
    assert [each.images for each in alone] == [(image,) for image in images]
    assert {each.since for each in alone} == {NEWER.updated_at}
    for fit in (alone[0], alone[2]):
        world.take(fit)
    with pytest.raises(StoreError):
        world.take(alone[1])
    assert world.current(images[0]).status is Status.UNHEALTHY
    assert world.current(images[2]).status is Status.UNHEALTHY


def test_images_that_there_was_no_time_for_come_again(world: World) -> None:
    """Each alone: the images beside them have taken all of the time."""
    images = [replace(IMAGE, digest=digest_of(f"image {n}"), tag=None) for n in range(3)]
    for image in images:
        world.push(image)
    world.learn(*images)
    world.scanner.match_at_most = 1
    world.rejudge(*images)
    assert world.current(images[0]).status is Status.UNHEALTHY
    alone = [decode_job(message.encode()).images for message in world.later.messages]
    assert alone == [(images[1],), (images[2],)]
    assert world.rescanned() == []


def test_a_job_is_done_part_by_part(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails one part keeps no other from its verdicts."""
    monkeypatch.setattr(rejudging, "_PART", 2)
    images = [replace(IMAGE, digest=digest_of(f"image {n}"), tag=None) for n in range(5)]
    for image in images:
        world.push(image)
    world.learn(*images)
    find = world.inventories.find

    def damaged(profile: str, diff_id: Digest) -> LayerInventory | None:
        if diff_id == images[2].digest:
            raise StoreError("inventories.read: not of schema")
        return find(profile, diff_id)

    world.inventories.find = damaged  # type: ignore[method-assign]
    world.rejudge(*images)
    told = [world.current(image).status for image in images]
    assert told == [Status.UNHEALTHY] * 2 + [Status.HEALTHY] * 2 + [Status.UNHEALTHY]
    alone = [decode_job(message.encode()).images for message in world.later.messages]
    assert alone == [(images[2],), (images[3],)]


def test_no_part_is_begun_when_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its images come again, each alone."""
    monkeypatch.setattr(rejudging, "_BEGIN_WITHIN", timedelta(seconds=-1))
    world.push()
    world.learn(IMAGE)
    world.rejudge()
    assert world.current().status is Status.HEALTHY
    [message] = world.later.messages
    assert decode_job(message.encode()).images == (replace(IMAGE, tag=None),)


def test_pushes_come_before_images_that_need_a_pull(world: World) -> None:
    """Only a few of those stand in front of one; the rest waits in the other queue."""
    images = [replace(IMAGE, digest=digest_of(f"image {n}"), tag=None) for n in range(8)]
    world.learn()
    world.rescans.messages.append(encode(job()))
    world.rejudge(*images)
    assert world.rescanned()[1:] == images[: HANDFUL - 1]
    [message] = world.later.messages
    waiting = decode_job(message.encode())
    assert waiting == RejudgeJob(images=tuple(images[HANDFUL - 1 :]), asks_registry=True)
    assert world.later.delays == [WAIT_SECONDS]
    world.later.messages.clear()
    world.take(waiting)
    assert (len(world.rescans.messages), len(world.later.messages)) == (HANDFUL, 1)
    world.rescans.messages.clear()
    world.take(waiting)
    assert world.rescanned() == list(waiting.images)
