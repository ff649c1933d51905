from datetime import timedelta
from pathlib import Path

import pytest

from scanner.errors import RegistryError, StoreError
from scanner.model import (
    NotApplicable,
    NotApplicableReason,
    Severity,
    Status,
    TransitionKind,
    Unexaminable,
    UnknownReason,
)
from tests.examples import ADVISORIES, IMAGE, finding, job, scan_report
from tests.pushed_images import FACTS, World
from tests.reports import AMD64, SCANNER


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with an empty registry."""
    return World(scratch=tmp_path)


def test_a_clean_image_is_stored_and_nobody_is_told(world: World) -> None:
    """The report names what it rests on."""
    report = world.pipeline().judge(job(world.push_image()))
    assert report.verdict.status is Status.HEALTHY
    assert (report.scanner, report.advisories) == (SCANNER, ADVISORIES)
    assert report.facts == FACTS
    assert world.store.find_report(report.id) == report
    assert world.outbox.announced == []


def test_a_vulnerable_image_is_stored_and_told(world: World) -> None:
    """The report that is told is the one that is stored."""
    world.scanner.otherwise = scan_report(finding(Severity.CRITICAL))
    report = world.pipeline().judge(job(world.push_image()))
    assert report.verdict.status is Status.UNHEALTHY
    assert world.outbox.report_ids == [report.id]


def test_nothing_is_left_on_disk(world: World) -> None:
    """The image's layers live as long as its scan."""
    world.pipeline().judge(job(world.push_image()))
    assert list(world.scratch.iterdir()) == []


@pytest.mark.parametrize(
    "seen",
    [
        NotApplicable(reason=NotApplicableReason.SIGNATURE),
        Unexaminable(reason=UnknownReason.FOREIGN_LAYER, detail="a layer is elsewhere"),
    ],
)
def test_what_the_registry_says_ends_in_a_verdict(
    world: World, seen: NotApplicable | Unexaminable
) -> None:
    """Nothing is pulled for it."""
    world.registry.manifests[IMAGE.digest] = seen
    report = world.pipeline().judge(job())
    assert report.verdict.reason is seen.reason
    assert world.registry.pulled == []


def test_an_image_that_cannot_be_pulled_whole_is_unknown(world: World) -> None:
    """It is never handed to the scanner."""
    world.push_image()
    world.registry.unpullable[IMAGE.digest] = Unexaminable(
        reason=UnknownReason.CORRUPT_LAYER, detail="layer 1"
    )
    report = world.pipeline().judge(job())
    assert (report.verdict.status, report.platform) == (Status.UNKNOWN, AMD64)
    assert world.scanner.matched == []


def test_a_manifest_that_is_not_there_yet_is_waited_for(world: World) -> None:
    """A replica can announce a push before it has the manifest."""
    with pytest.raises(RegistryError, match="not in the registry yet"):
        world.pipeline().judge(job())
    world.push_image()
    assert world.pipeline().judge(job()).verdict.status is Status.HEALTHY


@pytest.mark.parametrize("port", ["registry", "scanner", "store", "outbox"])
def test_our_own_faults_leave_the_job_to_the_queue(world: World, port: str) -> None:
    """Once the fault is mended, the retry ends as if nothing had happened."""
    world.scanner.otherwise = scan_report(finding())
    world.push_image()
    getattr(world, port).outage = StoreError("away") if port == "store" else RegistryError("away")
    with pytest.raises((RegistryError, StoreError), match="away"):
        world.pipeline().judge(job())
    getattr(world, port).outage = None
    report = world.pipeline().judge(job())
    assert world.store.find_report(report.id) == report
    assert world.outbox.report_ids == [report.id]
    assert list(world.scratch.iterdir()) == []


def test_an_abandoned_job_is_unknown_and_told(world: World) -> None:
    """A push never ends in silence, not even when nothing works."""
    world.scanner.outage = RegistryError("away")
    report = world.publisher().abandon(job(), detail="five tries", now=world.now)
    assert report.verdict.reason is UnknownReason.ABANDONED
    assert world.outbox.report_ids == [report.id]


def test_an_abandoned_job_leaves_a_later_verdict_alone(world: World) -> None:
    """Another push of the same digest has been judged since."""
    world.now += timedelta(minutes=5)
    world.pipeline().judge(job(world.push_image()))
    world.publisher().abandon(job(), detail="five tries", now=world.now)
    current = world.store.current(IMAGE)
    assert current is not None
    assert current.status is Status.HEALTHY
    assert world.outbox.announced == []


def test_a_verdict_that_was_stored_and_never_told_is_told_when_its_job_is_given_up(
    world: World,
) -> None:
    """The outbox failed each time, so only the job's end can still tell of what stands."""
    world.scanner.otherwise = scan_report(finding(Severity.CRITICAL))
    world.now += timedelta(minutes=5)
    world.outbox.outage = StoreError("away")
    with pytest.raises(StoreError):
        world.pipeline().judge(job(world.push_image()))
    world.outbox.outage = None
    world.publisher().abandon(job(), detail="five tries", now=world.now)
    [told] = world.outbox.announced
    assert told.kind is TransitionKind.NEWLY_UNHEALTHY
