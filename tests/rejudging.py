"""A registry, a worker that takes pushes and one that judges again."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from scanner import jobs
from scanner.asking_registry import RegistryTurn
from scanner.errors import RegistryError
from scanner.model import (
    Advisories,
    Digest,
    ImageFacts,
    ImageReference,
    Report,
    ScanJob,
    Severity,
)
from scanner.ports import CurrentVerdict, IndexEntry, ResolvedImage, ResolvedIndex
from scanner.publishing import Publisher
from scanner.rejudge_messages import RejudgeJob
from scanner.rejudging import Rejudger
from tests.catalogue_fakes import InMemoryQueue
from tests.examples import ADVISORIES, IMAGE, NOW, finding, job, scan_report
from tests.fakes import (
    publisher_on,
)
from tests.fakes.ancestors import ancestries_of
from tests.reports import AMD64, ARM64
from tests.surroundings import Surroundings

HOUR = timedelta(hours=1)
NEWER = replace(ADVISORIES, digest=Digest("sha256:" + "ae" * 32), updated_at=NOW + HOUR)
INDEX = replace(IMAGE, digest=Digest("sha256:" + "1d" * 32))
ARM_IMAGE = replace(IMAGE, digest=Digest("sha256:" + "a6" * 32), tag=None)
AMD_IMAGE = replace(IMAGE, tag=None)


@dataclass(kw_only=True)
class World(Surroundings):
    """A registry, a worker that takes pushes and one that judges again, on one storage."""

    rescans: InMemoryQueue = field(default_factory=InMemoryQueue)
    later: InMemoryQueue = field(default_factory=InMemoryQueue)

    def push(self, image: ImageReference = IMAGE) -> None:
        """Put an image into the registry, and judge it."""
        self.registry.manifests.setdefault(image.digest, resolved(image))
        self.pipeline().judge(job(image))

    def push_index(self) -> None:
        """Put an index of two platforms into the registry, and judge it."""
        for image in (AMD_IMAGE, ARM_IMAGE):
            self.registry.manifests[image.digest] = resolved(image)
        self.registry.manifests[INDEX.digest] = ResolvedIndex(
            reference=INDEX,
            children=(
                IndexEntry(platform=AMD64, reference=AMD_IMAGE),
                IndexEntry(platform=ARM64, reference=ARM_IMAGE),
            ),
        )
        self.pipeline().judge(job(INDEX))

    def learn(self, *images: ImageReference, advisories: Advisories = NEWER) -> None:
        """Switch to advisories by which these images have a finding."""
        self.scanner.database = advisories
        for image in images:
            self.scanner.seen[(image.digest,)] = scan_report(finding(Severity.CRITICAL))

    def rescanned(self) -> list[ImageReference]:
        """Return the images that were sent the way of a push."""
        decoded = [jobs.decode(message.encode()) for message in self.rescans.messages]
        return [job.image for job in decoded if isinstance(job, ScanJob)]

    def rejudge(
        self, *images: ImageReference, since: Advisories | None = NEWER, may_be_older: bool = False
    ) -> None:
        """Judge images again, with a registry that answers nobody."""
        self.take(
            RejudgeJob(
                images=images or (IMAGE,),
                since=since.updated_at if since else None,
                may_be_older=may_be_older,
            )
        )

    def take(self, job: RejudgeJob) -> None:
        """Take a job, likewise."""
        asked = len(self.registry.resolved), len(self.registry.pulled)
        self.registry.outage = RegistryError("nobody may ask")
        Rejudger(
            scanner=self.scanner,
            inventories=self.inventories,
            publisher=self.publisher(),
            ancestries=ancestries_of(self.store),
            turn=RegistryTurn(jobs=self.rescans, later=self.later, clock=lambda: NOW + 2 * HOUR),
            later=self.later,
            clock=lambda: NOW + 2 * HOUR,
            parts_at_once=2,
        ).judge(job)
        assert (len(self.registry.resolved), len(self.registry.pulled)) == asked

    def current(self, image: ImageReference = IMAGE) -> CurrentVerdict:
        """Return what is said of an image."""
        current = self.store.current(image)
        assert current is not None
        return current

    def report(self, image: ImageReference = IMAGE) -> Report:
        """Return the report behind it."""
        return self.store.reports[self.current(image).report_id]

    def publisher(self) -> Publisher:
        """Return what stores and tells."""
        return publisher_on(
            self.store,
            self.streams,
            self.outbox,
            rulebook=lambda: self.rulebook,
            clock=lambda: NOW + 2 * HOUR,
        )


def resolved(image: ImageReference) -> ResolvedImage:
    """Return what a registry has of an image."""
    facts = ImageFacts(user="app", base_name="debian:12")
    return ResolvedImage(reference=image, platform=AMD64, manifest=b"{}", config=b"{}", facts=facts)
