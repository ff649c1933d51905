"""Narrowing against a full sweep, which is the oracle: the same verdicts, the same findings."""

import hashlib
import json
import random
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scanner import bolt, lookups, sweeping
from scanner.asking_registry import RegistryTurn
from scanner.model import (
    Advisories,
    Digest,
    ImageReference,
    LayerInventory,
    PackageGroup,
    ScanReport,
    Severity,
)
from scanner.ports import IndexEntry, ResolvedImage, ResolvedIndex
from scanner.publishing import Publisher
from scanner.rejudge_messages import decode_job, decode_step
from scanner.rejudging import Rejudger
from scanner.sweeping import Sweeper
from scanner.trivy.changes import changed_keys
from tests.catalogue_fakes import InMemoryQueue
from tests.examples import IMAGE, NOW, finding, job, scan_report
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
from tests.policies import APPLIED, STRICT, unasked
from tests.reports import AMD64, ARM64, SCANNER

Tree = dict[str, dict[str, dict[str, str]]]
Package = tuple[str, str]

_DEBIAN, _PIP = "debian 12", "pip::GitHub Security Advisory pip"
_FAMILIES = {_DEBIAN: "debian", _PIP: "pip"}
_PACKAGES = [(source, f"{_FAMILIES[source]}-{n}") for source in _FAMILIES for n in range(25)]
_VULNERABILITIES = [f"CVE-2026-{n}" for n in range(40)]
_IMAGES, _ROUNDS = 24, 6


def digest_of(text: str) -> Digest:
    """Make a digest."""
    return Digest(f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")


@dataclass(frozen=True, kw_only=True)
class Database:
    """Advisories as plain data, and as a file that is compared."""

    tree: Tree
    advisories: Advisories
    path: Path

    @classmethod
    def write(cls, tree: Tree, folder: Path, updated_at: datetime) -> "Database":
        """Write the file."""
        digest = digest_of(json.dumps([tree, str(updated_at)], sort_keys=True))
        nodes: dict[str, bolt.Node] = {
            root: {name: dict.fromkeys(found, b"") | _bytes(found) for name, found in inner.items()}
            for root, inner in tree.items()
            if root != "vulnerability"
        }
        nodes["vulnerability"] = _bytes(tree["vulnerability"]["all"])
        bolt.write(folder / digest.hex, nodes)
        return cls(
            tree=tree,
            path=folder / digest.hex,
            advisories=Advisories(
                source="test",
                digest=digest,
                java_digest=digest_of("java"),
                updated_at=updated_at,
                sources=frozenset(root for root in _FAMILIES if tree.get(root)),
            ),
        )


def _bytes(found: dict[str, str]) -> dict[str, bolt.Node]:
    return {name: value.encode() for name, value in found.items()}


@dataclass(kw_only=True)
class DatabaseScanner(StubScanner):
    """Looks packages up as Trivy does: by source and name, then the vulnerability's severity."""

    tree: Tree
    installed: dict[Digest, list[Package]]

    def match(self, layers: Sequence[LayerInventory], *, advisories: Advisories) -> ScanReport:
        """Return what the database says of the packages in these layers."""
        super().match(layers, advisories=advisories)
        packages = [p for layer in layers for p in self.installed[layer.diff_id]]
        system = scan_report().package_groups
        languages = PackageGroup(
            target="Python", package_class="lang-pkgs", package_type="python-pkg", package_count=1
        )
        has_languages = any(source == _PIP for source, _ in packages)
        severities = self.tree["vulnerability"]["all"]
        looked = {lookups.of_package(_FAMILIES[source], name) for source, name in packages}
        looked |= {lookups.of_family(_FAMILIES[source]) for source, _ in packages}
        return replace(
            scan_report(
                *(
                    replace(
                        finding(Severity[severities.get(name, "UNKNOWN")], fixed_version=fixed),
                        vulnerability=name,
                        package=package,
                    )
                    for source, package in sorted(packages)
                    for name, fixed in sorted(self.tree.get(source, {}).get(package, {}).items())
                ),
                package_groups=(*system, languages) if has_languages else system,
            ),
            looked_up=frozenset(looked | {lookups.of_family("debian")}),
        )


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


def _first(chance: random.Random) -> Tree:
    tree: Tree = {root: {} for root in _FAMILIES}
    tree["vulnerability"] = {"all": {}}
    for name in _VULNERABILITIES:
        tree["vulnerability"]["all"][name] = chance.choice(["LOW", "MEDIUM", "HIGH"])
    for source, package in _PACKAGES:
        tree[source][package] = {chance.choice(_VULNERABILITIES): "2"}
    return tree


def _changed(tree: Tree, chance: random.Random) -> Tree:
    """Change some things in a database, of every kind that happens."""
    after = deepcopy(tree)
    for _ in range(chance.randrange(4)):
        source, package = chance.choice(_PACKAGES)
        vulnerability = chance.choice(_VULNERABILITIES)
        severities = after["vulnerability"]["all"]
        match chance.choice(["new", "new", "gone", "fixed", "rated", "unrated", "source"]):
            case "new":
                after.setdefault(source, {}).setdefault(package, {})[vulnerability] = ""
            case "gone":
                after.get(source, {}).pop(package, None)
            case "fixed":
                known = after.get(source, {}).get(package, {})
                known.update(dict.fromkeys(known, "3"))
            case "rated":
                severities[vulnerability] = chance.choice(["LOW", "CRITICAL"])
            case "unrated":
                severities.pop(vulnerability, None)
            case "source" if chance.random() < 0.3:
                after[source] = {} if after.get(source) else tree.get(source, {})
            case _:
                pass
    return after


@pytest.mark.parametrize("seed", range(12))
def test_narrowing_says_what_a_full_sweep_says(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each of several databases, also of images that a worker with the last one judged."""
    monkeypatch.setattr(sweeping, "STRETCH", 7)
    chance = random.Random(seed)  # noqa: S311 - repeatable
    database = Database.write(_first(chance), tmp_path, NOW)
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
    images = [chance.sample(_PACKAGES, chance.randrange(1, 6)) for _ in range(_IMAGES)]
    for number, packages in enumerate(images):
        for side in sides:
            side.push(number, packages)
    for side in sides:
        side.catch_up()
        side.judged = 0
    for round_number in range(1, _ROUNDS + 1):
        before, now = database, NOW + round_number * timedelta(hours=6)
        database = Database.write(_changed(before.tree, chance), tmp_path, now)
        late = chance.sample(_PACKAGES, 5)
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
