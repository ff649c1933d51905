from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.model import NotApplicableReason, Severity, Status, Unexaminable, UnknownReason
from tests.examples import ADVISORIES, IMAGE, finding, job, scan_report
from tests.policies import strict
from tests.pushed_images import World, digest
from tests.reports import SCANNER


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with an empty registry."""
    return World(scratch=tmp_path)


def test_a_repeat_is_answered_from_what_is_known(world: World) -> None:
    """The same image, scanner, advisories and policy: nothing is pulled again."""
    world.scanner.otherwise = scan_report(finding())
    first = world.pipeline().judge(job(world.push_image()))
    world.now += timedelta(hours=1)
    again = world.pipeline().judge(job(replace(IMAGE, tag="latest"), requested_at=world.now))
    assert again.id == first.id
    assert world.registry.pulled == [IMAGE.digest]
    assert world.outbox.report_ids == [first.id]
    assert world.store.resolve_tag(IMAGE.registry, IMAGE.repository, "latest") == IMAGE.digest


def _newer_scanner(world: World) -> None:
    world.scanner.scanner = replace(SCANNER, version="0.77.0")


def _newer_advisories(world: World) -> None:
    world.scanner.database = replace(ADVISORIES, digest=digest(7))


def _stricter_policy(world: World) -> None:
    world.rulebook = strict(Severity.LOW)


@pytest.mark.parametrize("change", [_newer_scanner, _newer_advisories, _stricter_policy])
def test_changed_inputs_are_judged_anew(world: World, change: Callable[[World], None]) -> None:
    """A verdict is a function of its inputs."""
    first = world.pipeline().judge(job(world.push_image()))
    change(world)
    assert world.pipeline().judge(job()).id != first.id
    assert len(world.scanner.matched) == 2


def test_advisories_that_went_stale_are_not_answered_from_what_is_known(world: World) -> None:
    """Age is checked on every verdict."""
    world.pipeline().judge(job(world.push_image()))
    world.now += timedelta(hours=73)
    report = world.pipeline().judge(job())
    assert report.verdict.reason is UnknownReason.STALE_ADVISORIES


def test_an_image_that_was_deleted_and_pushed_again_is_examined(world: World) -> None:
    """The same digest is there again."""
    world.now += timedelta(minutes=5)
    assert world.pipeline().judge(job()).verdict.reason is NotApplicableReason.DELETED
    world.push_image()
    assert world.pipeline().judge(job()).verdict.status is Status.HEALTHY


def test_what_was_unknown_is_examined_again(world: World) -> None:
    """A limit that was reached once may not be reached the next time."""
    world.push_image()
    world.scanner.otherwise = Unexaminable(reason=UnknownReason.TIMEOUT, detail="480 s")
    world.pipeline().judge(job())
    world.scanner.otherwise = scan_report()
    later = job(requested_at=world.now + timedelta(seconds=1))
    assert world.pipeline().judge(later).verdict.status is Status.HEALTHY


def test_an_unknown_stands_for_the_duplicates_of_its_push(world: World) -> None:
    """Fifty deliveries of an image that times out cost one scan; ten minutes later it is new."""
    world.push_image()
    world.scanner.otherwise = Unexaminable(reason=UnknownReason.TIMEOUT, detail="480 s")
    for _ in range(3):
        world.pipeline().judge(job())
    assert len(world.scanner.matched) == 1
    world.now += timedelta(minutes=11)
    world.pipeline().judge(job())
    assert len(world.scanner.matched) == 2


def test_an_older_scan_that_ends_late_is_neither_current_nor_told(world: World) -> None:
    """Of two scans the one that began later says what is current."""
    world.push_image()
    late = world.pipeline()
    world.now += timedelta(minutes=1)
    newer = world.pipeline().judge(job())
    world.now -= timedelta(minutes=1)
    world.scanner.database = replace(ADVISORIES, digest=digest(7))
    world.scanner.otherwise = scan_report(finding())
    late.judge(job())
    current = world.store.current(IMAGE)
    assert current is not None
    assert current.report_id == newer.id
    assert world.outbox.announced == []


def test_a_job_that_asks_for_another_look_gets_it_once(world: World) -> None:
    """Though the verdict still stands; a redelivery of the same job is answered by the new look."""
    image = world.push_image()
    world.pipeline().judge(job(image))
    world.now += timedelta(hours=1)
    again = replace(job(image, requested_at=world.now), not_before=world.now)
    world.pipeline().judge(again)
    assert len(world.scanner.matched) == 2
    current = world.store.current(image)
    assert current is not None
    assert current.as_of == world.now
    world.now += timedelta(minutes=1)
    world.pipeline().judge(again)
    assert len(world.scanner.matched) == 2
