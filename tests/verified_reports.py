"""A worker, and who verifies what it said."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from scanner.errors import AdvisoriesError, StoreError
from scanner.examination import Examiner
from scanner.model import Advisories, AppliedPolicy, Digest, ImageFacts, Report, Rulebook
from scanner.ports import ResolvedImage
from scanner.verification import Verifier
from tests.examples import ADVISORIES, IMAGE, NOW, job, scan_report
from tests.fakes import (
    InMemoryInventoryStore,
    InMemoryReportStore,
    InMemoryStreams,
    RecordingOutbox,
    StubRegistry,
    StubScanner,
    examiner_on,
    pipeline_on,
    publisher_on,
)
from tests.policies import STRICT, find
from tests.reports import AMD64, SCANNER


@dataclass(kw_only=True)
class Worker:
    """A worker, and who verifies what it said with the same registry and databases."""

    scratch: Path
    rulebook: Rulebook = STRICT
    has_lost_policies: bool = False
    kept: Rulebook | None = None
    registry: StubRegistry = field(default_factory=StubRegistry)
    scanner: StubScanner = field(
        default_factory=lambda: StubScanner(
            scanner=SCANNER, database=ADVISORIES, otherwise=scan_report()
        )
    )
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    outbox: RecordingOutbox = field(default_factory=RecordingOutbox)
    streams: InMemoryStreams = field(default_factory=InMemoryStreams)
    inventories: InMemoryInventoryStore = field(default_factory=InMemoryInventoryStore)

    def examiner(self) -> Examiner:
        """Return what examines."""
        return examiner_on(self.registry, self.scanner, self.inventories, self.scratch)

    def judge(self) -> Report:
        """Judge the image of the examples."""
        publisher = publisher_on(
            self.store,
            self.streams,
            self.outbox,
            rulebook=lambda: self.rulebook,
            clock=lambda: NOW,
        )
        pipeline = pipeline_on(self.examiner(), self.store, publisher, clock=lambda: NOW)
        return pipeline.judge(job())

    def again(self, report: Report) -> Report:
        """Examine again what a report is about."""
        return Verifier(
            examiner=self.examiner(),
            find_advisories=self.find_advisories,
            find_rulebook=self.find_rulebook,
        ).examine_again(report)

    def find_rulebook(self, applied: AppliedPolicy) -> Rulebook:
        """Return what decided, unless nobody has kept it."""
        if self.has_lost_policies:
            raise StoreError("policies.read: it is not kept")
        return self.kept or find(applied)

    def find_advisories(self, wanted: Advisories) -> Advisories:
        """Return the one database that there is."""
        if wanted != self.scanner.database:
            raise AdvisoriesError("removed by two updates since")
        return self.scanner.database


def image_of(digest: Digest) -> ResolvedImage:
    """Return one platform's image."""
    return ResolvedImage(
        reference=replace(IMAGE, digest=digest, tag=None),
        platform=AMD64,
        manifest=b"{}",
        config=b"{}",
        facts=ImageFacts(user="app", created_at=NOW),
    )
