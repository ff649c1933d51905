from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.errors import RegistryError
from scanner.model import Status, UnknownReason
from scanner.ports import IndexEntry, ResolvedIndex
from tests.examples import finding, job, scan_report
from tests.pushed_images import World
from tests.reports import AMD64, ARM64


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with an empty registry."""
    return World(scratch=tmp_path)


def test_each_platform_of_an_index_has_its_own_result(world: World) -> None:
    """The index is unhealthy if one platform is, and is what people are told of."""
    index, (amd64, arm64) = world.push_index(AMD64, ARM64)
    world.scanner.seen[(arm64.digest,)] = scan_report(finding())
    report = world.pipeline().judge(job(index))
    assert report.verdict.status is Status.UNHEALTHY
    assert [str(entry.verdict) for entry in report.platforms] == ["healthy", "unhealthy"]
    assert world.outbox.report_ids == [report.id]
    for child, status in ((amd64, Status.HEALTHY), (arm64, Status.UNHEALTHY)):
        current = world.store.current(child)
        assert current is not None
        assert (current.status, current.part_of) == (status, index.digest)


def test_an_index_that_calls_an_index_an_image_ends(world: World) -> None:
    """It may even name itself, were digests not what they are."""
    index, _ = world.push_index(AMD64)
    world.registry.manifests[index.digest] = ResolvedIndex(
        reference=index, children=(IndexEntry(platform=AMD64, reference=index),)
    )
    report = world.pipeline().judge(job(index))
    assert report.verdict.reason is UnknownReason.MALFORMED_MANIFEST


def test_an_index_with_a_platform_that_is_gone_is_not_healthy(world: World) -> None:
    """What the registry no longer has was not examined."""
    index, (_, arm64) = world.push_index(AMD64, ARM64)
    del world.registry.manifests[arm64.digest]
    world.now += timedelta(minutes=5)
    report = world.pipeline().judge(job(index))
    assert report.verdict.reason is UnknownReason.INCOMPLETE


def test_a_platform_that_fails_hides_no_unhealthy_one(world: World) -> None:
    """The index is told as unhealthy at once, and the job goes on being tried."""
    index, (amd64, arm64) = world.push_index(AMD64, ARM64)
    world.scanner.seen[(amd64.digest,)] = scan_report(finding())
    world.registry.broken[arm64.digest] = RegistryError("away")
    with pytest.raises(RegistryError, match="away"):
        world.pipeline().judge(job(index))
    assert [told.image for told in world.outbox.announced] == [index]
    del world.registry.broken[arm64.digest]
    report = world.pipeline().judge(job(index))
    assert [str(entry.verdict) for entry in report.platforms] == ["unhealthy", "healthy"]
    assert len(world.outbox.announced) == 1


def test_an_indexs_report_names_each_deciding_finding_once(world: World) -> None:
    """However many platforms share it."""
    index, _ = world.push_index(AMD64, ARM64)
    world.scanner.otherwise = scan_report(finding())
    report = world.pipeline().judge(job(index))
    assert report.verdict.violations == (finding(),)
    assert all(not entry.verdict.violations for entry in report.platforms)


def test_another_look_at_an_index_looks_at_each_platform(world: World) -> None:
    """Whoever asked for the index meant its images; they need not be asked for as well."""
    index, children = world.push_index(AMD64, ARM64)
    world.pipeline().judge(job(index))
    world.now += timedelta(hours=1)
    for image in (index, *children):
        world.pipeline().judge(replace(job(image, requested_at=world.now), not_before=world.now))
    assert len(world.scanner.matched) == 4
