"""Narrowing against a full sweep, which is the oracle: the same verdicts, the same findings."""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scanner import sweeping
from scanner.asking_registry import RegistryTurn
from scanner.model import Digest, ImageReference
from scanner.ports import IndexEntry, ResolvedImage, ResolvedIndex
from scanner.publishing import Publisher
from scanner.rejudge_messages import decode_job, decode_step
from scanner.rejudging import Rejudger
from scanner.sweeping import Sweeper
from scanner.trivy.changes import changed_keys
from tests.catalogue_fakes import InMemoryQueue
from tests.changing_advisories import (
    PACKAGES,
    Database,
    DatabaseScanner,
    Package,
    changed_tree,
    digest_of,
    first_tree,
)
from tests.examples import IMAGE, NOW, job
from tests.fakes import (
    InMemoryInventoryStore,
    InMemoryReportStore,
    InMemoryStreams,
    InMemorySweepStore,
    RecordingOutbox,
    StubRegistry,
    examiner_on,
    pipeline_on,
    publisher_on,
)
from tests.fakes.ancestors import ancestries_of
from tests.policies import APPLIED, STRICT, unasked
from tests.reports import AMD64, ARM64, SCANNER

_IMAGES, _ROUNDS = 24, 6


@dataclass(kw_only=True)
class Side:
    """One installation: everything that is stored, and a worker."""

    scratch: Path
    scanner: DatabaseScanner
    is_full: bool
    now: datetime = NOW
    databases: dict[Digest, Database] = field(default_factory=dict)
    registry: StubRegistry = field(default_factory=StubRegistry)
    inventories: InMemoryInventoryStore = field(default_factory=InMemoryInventoryStore)
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    outbox: RecordingOutbox = field(default_factory=RecordingOutbox)
    streams: InMemoryStreams = field(default_factory=InMemoryStreams)
    sweeps: InMemorySweepStore = field(default_factory=InMemorySweepStore)
    judged: int = 0

    def use(self, database: Database) -> None:
        """Switch the worker to a database."""
        self.databases[database.advisories.digest] = database
        self.scanner.database, self.scanner.tree = database.advisories, database.tree

    def push(self, number: int, packages: list[Package]) -> None:
        """Judge an image of these packages; every fourth as one of two platforms of an index."""
        image = replace(IMAGE, digest=digest_of(f"image {number}"), tag=f"v{number}")
        index = replace(IMAGE, digest=digest_of(f"index {number}"), tag=f"i{number}")
        for each in (image, replace(image, digest=digest_of(f"arm {number}"), tag=None)):
            self.scanner.installed[each.digest] = packages if each == image else packages[::2]
            self.registry.manifests[each.digest] = ResolvedImage(
                reference=each, platform=AMD64, manifest=b"{}", config=b"{}"
            )
        self.registry.manifests[index.digest] = ResolvedIndex(
            reference=index,
            children=(
                IndexEntry(platform=AMD64, reference=replace(image, tag=None)),
                IndexEntry(
                    platform=ARM64,
                    reference=replace(image, digest=digest_of(f"arm {number}"), tag=None),
                ),
            ),
        )
        examiner = examiner_on(self.registry, self.scanner, self.inventories, self.scratch)
        publisher = self._publisher()
        pipeline = pipeline_on(examiner, self.store, publisher, clock=lambda: self.now)
        pipeline.judge(job(image if number % 4 else index, requested_at=self.now))

    def catch_up(self) -> None:
        """Sweep and judge, with a registry that must not be asked."""
        steps, jobs, pulls = InMemoryQueue(), InMemoryQueue(), InMemoryQueue()
        asked = len(self.registry.resolved), len(self.registry.pulled)
        sweeper = Sweeper(
            sweeps=self.sweeps,
            images=self.store,
            jobs=jobs,
            steps=steps,
            clock=lambda: self.now,
        )
        current = self.databases[self.scanner.database.digest]
        sweeper.catch_up(
            current.advisories,
            APPLIED,
            lambda before: (
                None if self.is_full else changed_keys(self.databases[before].path, current.path)
            ),
            unasked,
        )
        for step in steps.messages:
            sweeper.take(decode_step(step.encode()))
        rejudger = Rejudger(
            scanner=self.scanner,
            inventories=self.inventories,
            publisher=self._publisher(),
            ancestries=ancestries_of(self.store),
            turn=RegistryTurn(jobs=pulls, later=jobs, clock=lambda: self.now),
            later=jobs,
            clock=lambda: self.now,
            parts_at_once=2,
        )
        queued = [decode_job(message.encode()) for message in jobs.messages]
        random.Random(len(queued)).shuffle(queued)  # noqa: S311 - queues keep no order
        for each in queued:
            rejudger.judge(each)
        self.judged += sum(len(each.images) for each in queued)
        assert (len(jobs.messages), pulls.messages) == (len(queued), [])
        assert (len(self.registry.resolved), len(self.registry.pulled)) == asked

    def said(self) -> dict[ImageReference, object]:
        """Return what is said of every image, and what was found in it."""
        return {
            current.image: (report.verdict, report.scan, report.severity_counts())
            for current in self.store.list_current()
            for report in [self.store.reports[current.report_id]]
        }

    def _publisher(self) -> Publisher:
        return publisher_on(
            self.store,
            self.streams,
            self.outbox,
            rulebook=lambda: STRICT,
            clock=lambda: self.now,
        )


@pytest.mark.parametrize("seed", range(12))
def test_narrowing_says_what_a_full_sweep_says(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each of several databases, also of images that a worker with the last one judged."""
    monkeypatch.setattr(sweeping, "STRETCH", 7)
    chance = random.Random(seed)  # noqa: S311 - repeatable
    database = Database.write(first_tree(chance), tmp_path, NOW)
    full, narrow = (
        Side(
            scratch=tmp_path,
            is_full=is_full,
            scanner=DatabaseScanner(
                scanner=SCANNER, database=database.advisories, tree=database.tree, installed={}
            ),
        )
        for is_full in (True, False)
    )
    sides = (full, narrow)
    for side in sides:
        side.use(database)
    images = [chance.sample(PACKAGES, chance.randrange(1, 6)) for _ in range(_IMAGES)]
    for number, packages in enumerate(images):
        for side in sides:
            side.push(number, packages)
    for side in sides:
        side.catch_up()
        side.judged = 0
    for round_number in range(1, _ROUNDS + 1):
        before, now = database, NOW + round_number * timedelta(hours=6)
        database = Database.write(changed_tree(before.tree, chance), tmp_path, now)
        late = chance.sample(PACKAGES, 5)
        for side in sides:
            side.now = now
            side.use(database)
            side.catch_up()
            # A worker that is behind, after the sweep has gone by.
            side.now += timedelta(minutes=5)
            side.use(before)
            side.push(1000 + 4 * round_number + 1, late)
            side.use(database)
        assert _without_late(narrow, round_number) == _without_late(full, round_number)
    assert narrow.judged < full.judged


def _without_late(side: Side, round_number: int) -> dict[ImageReference, object]:
    late = digest_of(f"image {1000 + 4 * round_number + 1}")
    return {image: said for image, said in side.said().items() if image.digest != late}
