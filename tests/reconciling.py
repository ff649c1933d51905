"""A registry, a store and a reconciler between them, all in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scanner import jobs
from scanner.model import Deletion, Digest, ImageReference, RetireJob, ScanJob
from scanner.reconcile import Choice, Reconciler, Tally
from tests.catalogue_fakes import InMemoryCatalogue, InMemoryQueue, InMemorySightings
from tests.examples import NOW, REGISTRY
from tests.fakes import InMemoryReportStore
from tests.reports import healthy_report

OLD = NOW - timedelta(days=1)


@dataclass(kw_only=True)
class World:
    """All that a reconciler touches."""

    now: datetime = NOW
    tick: timedelta = timedelta(0)
    """How much time each look at the clock takes."""
    registries: frozenset[str] = frozenset({REGISTRY})
    choice: Choice = field(default_factory=Choice)
    queue_limit: int = 1000
    catalogue: InMemoryCatalogue = field(default_factory=lambda: InMemoryCatalogue(page_size=2))
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    sightings: InMemorySightings = field(default_factory=InMemorySightings)
    queue: InMemoryQueue = field(default_factory=InMemoryQueue)

    def run(self) -> Tally:
        """Run the reconciler of an app that has just started."""
        return Reconciler(
            catalogue=self.catalogue,
            store=self.store,
            sightings=self.sightings,
            queue=self.queue,
            registries=self.registries,
            choice=self.choice,
            clock=self._clock,
            queue_limit=self.queue_limit,
        ).run()

    def add(
        self,
        number: int = 1,
        *,
        repository: str = "shop/cart",
        tag: str | None = "v1",
        registry: str = REGISTRY,
        updated_at: datetime = OLD,
    ) -> ImageReference:
        """List an image that nobody told of."""
        image = ImageReference(
            registry=registry, repository=repository, digest=digest(number), tag=tag
        )
        return self.catalogue.add(image, updated_at=updated_at)

    def judge(self, image: ImageReference) -> None:
        """Give an image a verdict."""
        self.store.save(replace(healthy_report(), image=image, id=f"r-{image.digest.hex}"))

    def jobs(self) -> list[ScanJob]:
        """Return the jobs in the queue."""
        found = [jobs.decode(message.encode()) for message in self.queue.messages]
        return [job for job in found if isinstance(job, ScanJob)]

    def retired(self) -> list[Digest | None]:
        """Return what shall be looked after as deleted."""
        return [deletion.digest for deletion in self.deletions()]

    def deletions(self) -> list[Deletion]:
        """Return the same with its names."""
        found = [jobs.decode(message.encode()) for message in self.queue.messages]
        return [job.deletion for job in found if isinstance(job, RetireJob)]

    def _clock(self) -> datetime:
        self.now += self.tick
        return self.now


def digest(number: int) -> Digest:
    """Return a digest of its own for each number, in their order."""
    return Digest(f"sha256:{number:064x}")
