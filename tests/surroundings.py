"""What a worker touches, in memory, and the parts that it judges pushes with."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from scanner.examination import Examiner
from scanner.model import Rulebook
from scanner.pipeline import Pipeline
from scanner.publishing import Publisher
from tests.examples import ADVISORIES, NOW, scan_report
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
from tests.policies import STRICT
from tests.reports import SCANNER


@dataclass(kw_only=True)
class Surroundings:
    """State that tests change and look at; each part is that of a worker that has just started."""

    scratch: Path
    now: datetime = NOW
    registry: StubRegistry = field(default_factory=StubRegistry)
    scanner: StubScanner = field(
        default_factory=lambda: StubScanner(
            scanner=SCANNER, database=ADVISORIES, otherwise=scan_report()
        )
    )
    inventories: InMemoryInventoryStore = field(default_factory=InMemoryInventoryStore)
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    outbox: RecordingOutbox = field(default_factory=RecordingOutbox)
    streams: InMemoryStreams = field(default_factory=InMemoryStreams)
    rulebook: Rulebook = STRICT

    def examiner(self) -> Examiner:
        """Return what examines."""
        return examiner_on(self.registry, self.scanner, self.inventories, self.scratch)

    def publisher(self) -> Publisher:
        """Return what stores and tells."""
        return publisher_on(
            self.store,
            self.streams,
            self.outbox,
            rulebook=lambda: self.rulebook,
            clock=lambda: self.now,
        )

    def pipeline(self) -> Pipeline:
        """Return what judges pushes."""
        return pipeline_on(self.examiner(), self.store, self.publisher(), clock=lambda: self.now)
