from dataclasses import replace
from pathlib import Path

import pytest

from scanner import jobs
from scanner.errors import AdvisoriesError, StoreError
from scanner.model import (
    Digest,
    LayerInventory,
    NotApplicable,
    NotApplicableReason,
    PassedOver,
    ScanJob,
    Severity,
    Status,
    Unexaminable,
    UnknownReason,
)
from tests.examples import ADVISORIES, IMAGE, NOW, finding, job, scan_report
from tests.policies import strict
from tests.rejudging import HOUR, NEWER, World, resolved
from tests.reports import SCANNER


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with nothing in it."""
    return World(scratch=tmp_path)


def test_a_healthy_image_turns_unhealthy_and_one_notice_goes_out(world: World) -> None:
    """New advisories are all it takes; the registry is not asked."""
    world.push()
    assert world.current().status is Status.HEALTHY
    world.learn(IMAGE)
    world.rejudge()
    world.rejudge()
    assert world.current().status is Status.UNHEALTHY
    assert world.outbox.report_ids == [world.current().report_id]
    assert world.report().advisories == NEWER
    assert world.report().layers == (IMAGE.digest,)
    assert world.report().facts == resolved(IMAGE).facts
    assert world.report().requested_at == NOW
    assert world.rescans.messages == []


def test_what_is_still_so_is_noted_without_a_report(world: World) -> None:
    """The row says what the verdict was held against; no second report is stored."""
    world.push()
    before = world.report()
    world.learn()
    world.rejudge()
    against = world.current().against
    assert against is not None
    assert (against.advisories, against.advisories_of) == (NEWER.digest, NEWER.updated_at)
    assert world.report() == before
    assert len(world.store.reports) == 1


def test_nothing_is_matched_twice_against_the_same(world: World) -> None:
    """A job that comes again costs a look at the row."""
    world.push()
    world.learn()
    world.rejudge()
    matched = len(world.scanner.matched)
    world.rejudge()
    world.rejudge(since=None)
    assert len(world.scanner.matched) == matched


def test_what_a_push_found_to_be_passed_over_is_not_found_out_again(world: World) -> None:
    """Whoever does find it out, because it was by other rules, leaves it for the next."""
    found = PassedOver(rules="ab" * 32, texts=("etc/a: a link",))
    world.scanner.otherwise = scan_report(passed_over=found)
    world.push()
    world.learn()
    anew = replace(found, rules="cd" * 32)
    world.scanner.otherwise = scan_report(passed_over=anew)
    world.rejudge()
    world.learn(advisories=replace(NEWER, digest=ADVISORIES.digest))
    world.rejudge()
    assert world.scanner.known == [found, anew]


def test_a_new_policy_is_a_reason_too(world: World) -> None:
    """The findings are the same, what is made of them is not."""
    world.scanner.otherwise = scan_report(finding(Severity.MEDIUM))
    world.push()
    assert world.current().status is Status.HEALTHY
    world.rulebook = strict(Severity.MEDIUM)
    world.rejudge(since=ADVISORIES)
    assert world.current().status is Status.UNHEALTHY
    assert world.report().policy == world.rulebook.applied(tag=None)


def test_a_notice_that_was_due_when_the_worker_died_goes_out(world: World) -> None:
    """The report was stored, the outbox was not reached: the next try tells."""
    world.push()
    world.learn(IMAGE)
    world.outbox.outage = StoreError("the queue is out of reach")
    with pytest.raises(StoreError):
        world.rejudge()
    world.outbox.outage = None
    world.rejudge()
    assert len(world.outbox.announced) == 1


def test_what_stands_is_looked_at_again(world: World) -> None:
    """An earlier try may have died between the report and the notice."""
    world.learn(IMAGE, advisories=ADVISORIES)
    world.push()
    world.outbox.announced.clear()
    world.streams.states.clear()
    world.streams.voices.clear()
    world.learn()
    world.rejudge()
    assert world.current().status is Status.UNHEALTHY
    assert world.outbox.report_ids == [world.current().report_id]


def test_without_an_inventory_the_image_takes_the_way_of_a_push(world: World) -> None:
    """Another scanner finds other things in layers: they must be pulled again."""
    world.push()
    world.scanner.version = "2"
    world.learn(IMAGE)
    world.rejudge()
    [message] = world.rescans.messages
    queued = jobs.decode(message.encode())
    assert isinstance(queued, ScanJob)
    assert queued.not_before == queued.requested_at > job().requested_at
    assert world.rescanned() == [replace(IMAGE, tag=None)]
    assert world.current().status is Status.HEALTHY


def test_an_image_that_was_never_judged_takes_the_way_of_a_push(world: World) -> None:
    """Whoever asks for it by name."""
    world.learn()
    world.rejudge()
    assert world.rescanned() == [replace(IMAGE, tag=None)]


def test_an_abandoned_image_takes_the_way_of_a_push(world: World) -> None:
    """It is unknown by a fault of ours."""
    world.publisher().abandon(job(), detail="tried too often", now=NOW)
    world.learn()
    world.rejudge()
    assert len(world.rescans.messages) == 1


def test_an_image_that_cannot_be_examined_stays_so(world: World) -> None:
    """Its layer is as broken as before; pulling it at every update would change nothing."""
    world.scanner.faulty[IMAGE.digest] = Unexaminable(
        reason=UnknownReason.CORRUPT_LAYER, detail="cut off"
    )
    world.push()
    world.learn()
    world.rejudge()
    assert world.rescans.messages == []
    assert world.current().reason == UnknownReason.CORRUPT_LAYER


def test_another_scanner_may_examine_what_the_last_could_not(world: World) -> None:
    """So it is given the chance."""
    world.registry.unpullable[IMAGE.digest] = Unexaminable(
        reason=UnknownReason.CORRUPT_LAYER, detail="cut off"
    )
    world.push()
    world.learn()
    world.scanner.scanner = replace(SCANNER, digest=Digest("sha256:" + "7e" * 32))
    world.rejudge()
    assert len(world.rescans.messages) == 1


def test_what_is_no_image_is_left_alone(world: World) -> None:
    """No advisory is about a signature."""
    world.registry.manifests[IMAGE.digest] = NotApplicable(reason=NotApplicableReason.SIGNATURE)
    world.push()
    world.learn()
    world.rejudge()
    assert world.current().status is Status.NOT_APPLICABLE
    assert world.rescans.messages == []


def test_a_push_that_came_meanwhile_wins(world: World) -> None:
    """Whose examination began later is current, whoever ends last."""
    world.push()
    later = replace(world.report(), id="1a7e", as_of=NOW + 3 * HOUR)
    world.learn(IMAGE)
    find = world.inventories.find

    def push_comes_between(profile: str, diff_id: Digest) -> LayerInventory | None:
        world.store.save(later)
        return find(profile, diff_id)

    world.inventories.find = push_comes_between  # type: ignore[method-assign]
    world.rejudge()
    assert world.current().report_id == later.id
    assert world.outbox.announced == []


def test_older_advisories_than_asked_for_are_not_used(world: World) -> None:
    """The worker has yet to fetch them: the job is tried again."""
    world.push()
    with pytest.raises(AdvisoriesError, match="not here yet"):
        world.rejudge(since=NEWER)


def test_an_old_job_takes_nothing_back(world: World) -> None:
    """A worker that is behind leaves alone what was judged by newer advisories."""
    world.learn(advisories=NEWER)
    world.push()
    world.learn(IMAGE, advisories=ADVISORIES)
    world.rejudge(since=ADVISORIES)
    assert world.current().status is Status.HEALTHY


def test_nothing_goes_back_in_time_by_itself(world: World) -> None:
    """Nor in a full sweep, by a worker that is behind; only where somebody has allowed it."""
    world.learn(advisories=NEWER)
    world.push()
    world.learn(IMAGE, advisories=ADVISORIES)
    world.rejudge(since=None)
    assert world.current().status is Status.HEALTHY
    world.rejudge(since=None, may_be_older=True)
    assert world.current().status is Status.UNHEALTHY


def test_images_without_advisories_are_confirmed(world: World) -> None:
    """That the next database has nothing on them either is no news."""
    world.scanner.database = replace(ADVISORIES, sources=frozenset({"debian 99"}))
    world.push()
    assert world.current().reason == UnknownReason.NO_ADVISORIES
    world.learn(advisories=replace(NEWER, sources=frozenset({"debian 99"})))
    world.rejudge()
    assert len(world.store.reports) == 1
    against = world.current().against
    assert against is not None
    assert against.advisories == NEWER.digest


def test_stale_advisories_judge_nothing(world: World) -> None:
    """One failure that an operator sees, and not a thousand images that turn unknown."""
    world.push()
    world.learn(advisories=replace(NEWER, updated_at=NOW - 80 * HOUR))
    with pytest.raises(AdvisoriesError, match="72 hours"):
        world.rejudge(since=None)
    assert world.current().status is Status.HEALTHY
