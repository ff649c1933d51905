from dataclasses import replace
from pathlib import Path

import pytest

from scanner.model import (
    Digest,
    Status,
)
from tests.examples import ADVISORIES
from tests.rejudging import AMD_IMAGE, ARM_IMAGE, INDEX, NEWER, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with nothing in it."""
    return World(scratch=tmp_path)


def test_an_index_follows_its_platforms(world: World) -> None:
    """Its platforms are judged first, then it is judged by them; one notice covers all."""
    world.push_index()
    assert world.current(INDEX).status is Status.HEALTHY
    world.learn(ARM_IMAGE)
    world.rejudge(INDEX)
    assert world.current(ARM_IMAGE).status is Status.UNHEALTHY
    assert world.current(ARM_IMAGE).part_of == INDEX.digest
    assert world.current(AMD_IMAGE).status is Status.HEALTHY
    assert world.current(INDEX).status is Status.UNHEALTHY
    entries = {entry.digest: entry.report_id for entry in world.report(INDEX).platforms}
    assert entries[ARM_IMAGE.digest] == world.current(ARM_IMAGE).report_id
    assert [report.image.digest for report in world.outbox.announced] == [INDEX.digest]


def test_an_index_of_which_nothing_changed_is_confirmed(world: World) -> None:
    """As an image is."""
    world.push_index()
    before = world.report(INDEX)
    world.learn()
    world.rejudge(INDEX)
    against = world.current(INDEX).against
    assert against is not None
    assert against.advisories == NEWER.digest
    assert world.report(INDEX) == before


def test_an_index_takes_over_what_its_platform_became_before(world: World) -> None:
    """The platform's own job may come first."""
    world.push_index()
    world.learn(ARM_IMAGE)
    world.rejudge(ARM_IMAGE)
    world.rejudge(INDEX)
    assert world.current(INDEX).status is Status.UNHEALTHY


def test_one_platform_that_cannot_be_judged_sends_the_whole_index(world: World) -> None:
    """Its other platforms are known by then, which costs nothing."""
    world.push_index()
    profile = world.scanner.profile(ADVISORIES)
    del world.inventories.inventories[profile, ARM_IMAGE.digest]
    world.learn()
    world.rejudge(INDEX)
    assert world.rescanned() == [replace(INDEX, tag=None)]


def test_an_index_of_indexes_is_not_followed(world: World) -> None:
    """The registry side knows what to say of such a thing."""
    world.push_index()
    outer = replace(INDEX, digest=Digest("sha256:" + "2d" * 32))
    [entry, _] = world.report(INDEX).platforms
    nested = replace(entry, digest=INDEX.digest)
    world.store.save(replace(world.report(INDEX), id="0e", image=outer, platforms=(nested,)))
    world.learn(ARM_IMAGE)
    world.rejudge(outer)
    assert world.rescanned() == [replace(outer, tag=None)]
    assert world.current(INDEX).status is Status.HEALTHY
