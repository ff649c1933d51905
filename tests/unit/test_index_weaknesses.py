"""Secrets that block a platform's image: what the index, and the message about it, say of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from scanner.model import Severity, Status, Weakness, WeaknessKind
from scanner.notify.announcement import Announcement
from scanner.notify.composer import Composer
from scanner.store import report_json
from tests.command_line import pushscan
from tests.examples import NOW, finding, scan_report
from tests.policies import default
from tests.rejudging import AMD_IMAGE, ARM_IMAGE, HOUR, INDEX, World

SECRET = Weakness(
    kind=WeaknessKind.SECRET,
    id="github-pat",
    severity=Severity.CRITICAL,
    title="GitHub Personal Access Token",
    path="app/.env",
    line=3,
    layer_diff_id="sha256:" + "2b" * 32,
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world in which the shipped policy decides: secrets block."""
    return World(scratch=tmp_path, rulebook=default())


def _told(world: World) -> list[Announcement]:
    composer = Composer(store=world.store)
    return [composer.compose(one, notice_id="ab" * 32) for one in world.outbox.announced]


def test_the_message_for_an_index_names_the_secret_of_a_platform(world: World) -> None:
    """Whoever gets it must know what to remove, and that nothing else blocks."""
    world.scanner.seen[ARM_IMAGE.digest,] = scan_report(weaknesses=(SECRET,))
    world.push_index()
    [told] = _told(world)
    assert told.digest == str(INDEX.digest)
    assert told.findings == (SECRET,)
    assert (told.findings_total, told.new_total, told.severity) == (1, 1, Severity.CRITICAL)


def test_an_index_lists_what_blocks_of_both_kinds_each_once(world: World) -> None:
    """The platforms share it mostly, and have it in reports of their own."""
    moved = replace(SECRET, path="app/.env.arm")
    world.scanner.seen[AMD_IMAGE.digest,] = scan_report(finding(), weaknesses=(SECRET,))
    world.scanner.seen[ARM_IMAGE.digest,] = scan_report(finding(), weaknesses=(moved, SECRET))
    world.push_index()
    report = world.report(INDEX)
    assert report.verdict.status is Status.UNHEALTHY
    assert report.verdict.violations == (finding(),)
    assert report.verdict.weaknesses == (SECRET, moved)
    assert all(not one.verdict.weaknesses for one in report.platforms)
    assert report_json.decode(report_json.encode(report)) == report


def test_what_does_not_block_is_not_listed(world: World) -> None:
    """A setting that the policy only warns of stays in the report on its image."""
    setting = replace(SECRET, kind=WeaknessKind.MISCONFIGURATION, id="root-user", path="", line=0)
    world.scanner.seen[ARM_IMAGE.digest,] = scan_report(finding(), weaknesses=(setting,))
    world.push_index()
    assert world.report(INDEX).verdict.weaknesses == ()


def test_a_platform_that_gets_a_second_secret_makes_the_index_worse(world: World) -> None:
    """Of an index people hear what they hear of an image."""
    world.scanner.seen[ARM_IMAGE.digest,] = scan_report(weaknesses=(SECRET,))
    world.push_index()
    second = replace(SECRET, id="aws-access-key-id", path="root/.aws/credentials")
    world.learn()
    world.scanner.seen[ARM_IMAGE.digest,] = scan_report(weaknesses=(SECRET, second))
    world.rejudge(INDEX)
    assert [one.kind.value for one in _told(world)] == ["newly-unhealthy", "worse"]
    assert _told(world)[1].findings == (second, SECRET)


def test_an_index_that_is_judged_again_says_the_same(world: World) -> None:
    """From what is stored of its platforms, without the registry."""
    world.scanner.seen[ARM_IMAGE.digest,] = scan_report(weaknesses=(SECRET,))
    world.push_index()
    before = world.report(INDEX)
    world.learn(AMD_IMAGE)
    world.rejudge(INDEX)
    after = world.report(INDEX)
    assert after.id != before.id
    assert after.verdict.weaknesses == before.verdict.weaknesses == (SECRET,)
    assert after.verdict.violations == (finding(Severity.CRITICAL),)


def test_people_who_look_see_the_secret_at_the_index(world: World) -> None:
    """In `show`, and in what was known at a moment."""
    world.scanner.seen[ARM_IMAGE.digest,] = scan_report(weaknesses=(SECRET,))
    world.push_index()
    name = f"contoso.azurecr.io/shop/cart@{INDEX.digest}"
    for command, heading in (
        (("show", name), "Secrets and settings\n"),
        (("explain", name, "--at", f"{NOW + HOUR:%Y-%m-%dT%H:%M}"), "Secrets and settings that"),
    ):
        shown = pushscan(*command, store=world.store).stdout
        assert heading in shown
        assert "CRITICAL  GitHub Personal Access Token  app/.env:3" in shown
