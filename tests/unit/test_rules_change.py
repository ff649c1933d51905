"""Exemptions, tables and time change: what is concerned is judged again, without a pull."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scanner.asking_registry import RegistryTurn
from scanner.due import due
from scanner.model import (
    Digest,
    Exemption,
    Exploits,
    Finding,
    ImageReference,
    Kind,
    Report,
    Rulebook,
    Severity,
    Status,
)
from scanner.pipeline import Pipeline
from scanner.policy.kept import exemptions_of
from scanner.ports import IndexEntry, ResolvedImage, ResolvedIndex
from scanner.publishing import Publisher
from scanner.rejudge_messages import RejudgeJob, decode_job, decode_step, encode_job
from scanner.rejudging import Rejudger
from scanner.rule_changes import changed_keys
from scanner.sweeping import Sweeper
from tests.catalogue_fakes import InMemoryQueue
from tests.examples import ADVISORIES, IMAGE, NOW, finding, job, scan_report
from tests.fakes import (
    InMemoryInventoryStore,
    InMemoryReportStore,
    InMemoryStreams,
    InMemorySweepStore,
    RecordingOutbox,
    StubRegistry,
    StubScanner,
    examiner_on,
    pipeline_on,
    publisher_on,
)
from tests.fakes.ancestors import ancestries_of
from tests.policies import policy, rule
from tests.reports import AMD64, ARM64, SCANNER

DAY = timedelta(days=1)
INDEX = replace(IMAGE, repository="dev/index", digest=Digest("sha256:" + "1d" * 32))
POLICY = policy(
    rule("likely", kinds=(Kind.VULNERABILITY,), epss=0.5),
    rule("known", kinds=(Kind.VULNERABILITY,), known_exploited=True),
    rule("severe", kinds=(Kind.VULNERABILITY,), severity=Severity.HIGH),
)


def image(number: int) -> ImageReference:
    """Return one of the images."""
    repository = f"{'dev' if number % 2 else 'prod'}/r{number}"
    return replace(IMAGE, repository=repository, digest=Digest(f"sha256:{number:064x}"), tag=None)


def vulnerable(number: int, severity: Severity = Severity.HIGH) -> Finding:
    """Return a finding of one of the vulnerabilities."""
    return replace(finding(severity), vulnerability=f"CVE-2026-{number}")


def exempt(*numbers: int, images: str = "**", days: int = 30) -> Exemption:
    """Return an exemption of some vulnerabilities."""
    return Exemption(
        id=f"{numbers}{images}",
        ids=tuple(f"CVE-2026-{n}" for n in numbers),
        packages=(),
        images=(images,),
        owner="jane",
        reason="why not",
        expires_at=NOW + days * DAY,
    )


@dataclass(kw_only=True)
class World:
    """A registry, workers, and what they have said."""

    scratch: Path
    is_full: bool = False
    """Whether each change goes through all images."""
    now: datetime = NOW
    rulebook: Rulebook = field(default_factory=lambda: Rulebook(policy=POLICY))
    before: Rulebook | None = None
    read: Callable[[], Rulebook] | None = None
    """Reads what is in force; without it that is the rulebook above."""
    registry: StubRegistry = field(default_factory=StubRegistry)
    scanner: StubScanner = field(
        default_factory=lambda: StubScanner(scanner=SCANNER, database=ADVISORIES)
    )
    inventories: InMemoryInventoryStore = field(default_factory=InMemoryInventoryStore)
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    sweeps: InMemorySweepStore = field(default_factory=InMemorySweepStore)
    judged: int = 0

    def push(self, pushed: ImageReference, *findings: Finding) -> None:
        """Put an image into the registry, and judge it."""
        self.registry.manifests[pushed.digest] = ResolvedImage(
            reference=pushed, platform=AMD64, manifest=b"{}", config=b"{}"
        )
        self.scanner.seen[(pushed.digest,)] = scan_report(*findings, looked_up=frozenset({"a"}))
        self._pipeline().judge(job(pushed, requested_at=self.now))

    def push_index(self, *findings: Finding) -> None:
        """Put an index of two platforms into the registry, one with findings."""
        children = [replace(image(n), repository=INDEX.repository) for n in (98, 99)]
        for child, seen in zip(children, ((), findings), strict=True):
            self.push(child, *seen)
        self.registry.manifests[INDEX.digest] = ResolvedIndex(
            reference=INDEX,
            children=tuple(
                IndexEntry(platform=platform, reference=child)
                for platform, child in zip((AMD64, ARM64), children, strict=True)
            ),
        )
        self._pipeline().judge(job(INDEX, requested_at=self.now))

    def catch_up(self) -> None:
        """Sweep for what is in force now, and judge, with a registry that nobody asks."""
        steps, jobs = InMemoryQueue(), InMemoryQueue()
        before, self.before = self.before, self.rulebook
        Sweeper(
            sweeps=self.sweeps,
            images=self.store,
            jobs=jobs,
            steps=steps,
            clock=lambda: self.now,
        ).catch_up(
            ADVISORIES,
            self.rulebook.applied(tag=None),
            lambda _: frozenset(),
            lambda _: None if self.is_full or not before else changed_keys(before, self.rulebook),
        )
        sweeper = Sweeper(
            sweeps=self.sweeps,
            images=self.store,
            jobs=jobs,
            steps=steps,
            clock=lambda: self.now,
        )
        for step in list(steps.messages):
            sweeper.take(decode_step(step.encode()))
        self._rejudge(jobs.messages)

    def judge_due(self) -> None:
        """Judge what is due by the clock."""
        self._rejudge([encode_job(RejudgeJob(images=(one,))) for one in due(self.store, self.now)])

    def said(self) -> dict[str, object]:
        """Return what is said of every image, by what it is said, and when that may turn."""
        return {
            str(row.image): (report.verdict, report.decisions, report.turns_at)
            for row in self.store.list_current()
            for report in [self.store.reports[row.report_id]]
        }

    def report(self, of: ImageReference) -> Report:
        """Return the current report on an image."""
        current = self.store.current(of)
        assert current is not None
        return self.store.reports[current.report_id]

    def _rejudge(self, messages: list[str]) -> None:
        pulls = InMemoryQueue()
        for message in messages:
            self.judged += len(decode_job(message.encode()).images)
            Rejudger(
                scanner=self.scanner,
                inventories=self.inventories,
                publisher=self._publisher(),
                ancestries=ancestries_of(self.store),
                turn=RegistryTurn(jobs=pulls, later=pulls, clock=lambda: self.now),
                later=pulls,
                clock=lambda: self.now,
                parts_at_once=2,
            ).judge(decode_job(message.encode()))
        assert pulls.messages == []

    def _pipeline(self) -> Pipeline:
        examiner = examiner_on(self.registry, self.scanner, self.inventories, self.scratch)
        return pipeline_on(examiner, self.store, self._publisher(), clock=lambda: self.now)

    def _publisher(self) -> Publisher:
        return publisher_on(
            self.store,
            InMemoryStreams(),
            RecordingOutbox(),
            rulebook=self.read or (lambda: self.rulebook),
            clock=lambda: self.now,
        )


@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_sweep_says_what_a_full_one_does(tmp_path: Path, seed: int) -> None:
    """Exemptions come and go, and so do scores; the full sweep is the oracle."""
    narrow, full = (
        World(scratch=tmp_path, is_full=is_full, rulebook=Rulebook(policy=POLICY))
        for is_full in (False, True)
    )
    chance = random.Random(seed)  # noqa: S311 - a test's variety
    pushed = {n: chance.sample(range(12), chance.randrange(4)) for n in range(16)}
    for world in (narrow, full):
        for number, found in pushed.items():
            severities = (Severity.HIGH, Severity.LOW)
            world.push(image(number), *(vulnerable(n, severities[n % 2]) for n in found))
        world.push_index(vulnerable(1, Severity.LOW), vulnerable(2))
        world.catch_up()
        world.judged = 0
    for hour in range(1, 8):
        known = tuple(
            exempt(n, images=chance.choice(["**", "contoso.azurecr.io/dev/**"]))
            for n in chance.sample(range(12), 3)
        )
        tables = Exploits(
            epss={f"CVE-2026-{n}": chance.choice([0.1, 0.5, 0.9]) for n in range(10)},
            known_exploited=frozenset(f"CVE-2026-{n}" for n in chance.sample(range(12), 2)),
        )
        for world in (narrow, full):
            world.now = NOW + timedelta(hours=hour)
            world.rulebook = Rulebook(
                policy=POLICY, exemptions=exemptions_of(known, ()), exploits=tables
            )
            world.catch_up()
        assert narrow.said() == full.said()
    assert 0 < narrow.judged < full.judged


def test_an_exemption_is_effective_without_a_rescan_and_ends_by_itself(tmp_path: Path) -> None:
    """A new one turns the verdict at once; when it ends, the clock turns it back, once."""
    world = World(scratch=tmp_path)
    world.push(image(1), vulnerable(1))
    world.push(image(2), vulnerable(2))
    world.catch_up()
    world.judged = 0
    world.rulebook = replace(world.rulebook, exemptions=exemptions_of((exempt(1, days=2),), ()))
    world.now = NOW + timedelta(hours=1)
    world.catch_up()
    assert world.judged == 1
    assert world.report(image(1)).verdict.status is Status.HEALTHY
    assert world.report(image(2)).verdict.status is Status.UNHEALTHY
    for days, status in ((1, Status.HEALTHY), (2, Status.UNHEALTHY), (2, Status.UNHEALTHY)):
        world.now = NOW + days * DAY
        world.judge_due()
        assert world.report(image(1)).verdict.status is status
    assert world.judged == 2


def test_grace_ends_though_nothing_is_news(tmp_path: Path) -> None:
    """Of a platform, too: its index turns with it."""
    graceful = replace(rule(kinds=(Kind.VULNERABILITY,)), grace_days=2)
    world = World(scratch=tmp_path, rulebook=Rulebook(policy=policy(graceful)))
    world.push_index(replace(vulnerable(1), published_at=NOW - DAY))
    assert world.report(INDEX).verdict.status is Status.HEALTHY
    world.now = NOW + DAY - timedelta(seconds=1)
    world.judge_due()
    assert world.judged == 0
    world.now = NOW + DAY
    world.judge_due()
    assert world.judged == 1
    assert world.report(INDEX).verdict.status is Status.UNHEALTHY
    assert list(due(world.store, world.now)) == []


def test_a_push_after_the_turn_is_not_answered_from_what_is_known(tmp_path: Path) -> None:
    """Whoever pushes again need not wait for the clock."""
    world = World(scratch=tmp_path)
    world.rulebook = replace(world.rulebook, exemptions=exemptions_of((exempt(1, days=1),), ()))
    world.push(image(1), vulnerable(1))
    assert world.report(image(1)).verdict.status is Status.HEALTHY
    world.now = NOW + DAY
    world.push(image(1), vulnerable(1))
    assert world.report(image(1)).verdict.status is Status.UNHEALTHY


def test_rules_that_change_during_an_examination_count(tmp_path: Path) -> None:
    """The sweep for them may have gone by before the image was known."""
    world = World(scratch=tmp_path)
    milder = replace(world.rulebook, exemptions=exemptions_of((exempt(1),), ()))
    in_force = [world.rulebook, *[milder] * 9]
    world.read = lambda: in_force.pop(0)
    world.push(image(1), vulnerable(1))
    assert world.report(image(1)).verdict.status is Status.HEALTHY
    assert len(world.store.reports) == 1
    assert world.registry.pulled == [image(1).digest]
