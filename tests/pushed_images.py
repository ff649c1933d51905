"""A registry that images are pushed to, and the pipeline that judges them."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from scanner.model import Digest, ImageFacts, ImageReference, Platform, Rulebook
from scanner.pipeline import Pipeline
from scanner.ports import IndexEntry, ResolvedImage, ResolvedIndex
from scanner.publishing import Publisher
from tests.examples import ADVISORIES, IMAGE, NOW, scan_report
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
from tests.reports import AMD64, SCANNER


@dataclass(kw_only=True)
class World:
    """All that a pipeline touches, with state that tests change and look at."""

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

    def pipeline(self) -> Pipeline:
        """Return the pipeline of a worker that has just started."""
        examiner = examiner_on(self.registry, self.scanner, self.inventories, self.scratch)
        return pipeline_on(examiner, self.store, self.publisher(), clock=lambda: self.now)

    def publisher(self) -> Publisher:
        """Return what stores and tells."""
        return publisher_on(
            self.store,
            self.streams,
            self.outbox,
            rulebook=lambda: self.rulebook,
            clock=lambda: self.now,
        )

    def push_image(
        self, image: ImageReference = IMAGE, platform: Platform = AMD64
    ) -> ImageReference:
        """Put an image into the registry."""
        self.registry.manifests[image.digest] = ResolvedImage(
            reference=image, platform=platform, manifest=b"{}", config=b"{}", facts=FACTS
        )
        return image

    def push_index(self, *platforms: Platform) -> tuple[ImageReference, list[ImageReference]]:
        """Put an index with one image a platform into the registry."""
        children = [
            self.push_image(replace(IMAGE, digest=digest(n + 1), tag=None), platform)
            for n, platform in enumerate(platforms)
        ]
        index = replace(IMAGE, digest=digest(99))
        self.registry.manifests[index.digest] = ResolvedIndex(
            reference=index,
            children=tuple(
                IndexEntry(platform=platform, reference=child)
                for platform, child in zip(platforms, children, strict=True)
            ),
        )
        return index, children


def digest(number: int) -> Digest:
    """Return a digest of its own for each number."""
    return Digest(f"sha256:{number:064x}")


FACTS = ImageFacts(user="app", base_name="debian:12")
