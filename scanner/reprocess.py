"""Another look at what was judged before: which images, and how fast they are queued."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from scanner import jobs
from scanner.model import ImageReference, ScanJob, Status
from scanner.ports import JobQueue, ReportStore

MAX_PER_SECOND = 500
DEFAULT_PER_SECOND = 50
MAX_DAYS = 730
"""How far back a Log Analytics workspace keeps what can be asked for at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Current verdicts that meet every condition that is set."""

    repository: str | None = None
    """A glob in which `*` also matches slashes."""
    status: Status | None = None
    reason: str | None = None
    not_judged_since: datetime | None = None
    pulled: frozenset[str] | None = None
    """Only these manifests, each as `registry/repository@digest`."""

    @property
    def is_empty(self) -> bool:
        """Whether no condition is set; for everything the repository is `*`."""
        return self == Selection()

    def images(
        self, store: ReportStore, *, after: ImageReference | None = None
    ) -> Iterator[ImageReference]:
        """Yield the images, in the order of the store, behind `after`. Raises StoreError."""
        for row in store.list_current(status=self.status, repository=self.repository, after=after):
            is_old = self.not_judged_since is None or row.as_of < self.not_judged_since
            is_pulled = self.pulled is None or str(row.image) in self.pulled
            if is_old and is_pulled and self.reason in {None, row.reason}:
                yield row.image


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast jobs are queued, so that whoever else uses the queue is not drowned."""

    per_second: float
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]

    def over(self, images: Iterable[ImageReference]) -> Iterator[ImageReference]:
        """Yield images no faster than that."""
        next_at = self.monotonic()
        for image in images:
            if (early := next_at - self.monotonic()) > 0:
                self.sleep(early)
            next_at = max(next_at, self.monotonic() - 1) + 1 / self.per_second
            yield image


def queue_again(
    images: Iterable[ImageReference], queue: JobQueue, *, now: datetime
) -> Iterator[ImageReference]:
    """Queue another look at each image; yield each once its job is durable. Raises StoreError."""
    for image in images:
        queue.send(jobs.encode(another_look(image, now=now)))
        yield image


def another_look(image: ImageReference, *, now: datetime) -> ScanJob:
    """Return a job that no verdict from before `now` answers.

    It carries no tag: it is dated now, and would take a tag back that has moved since.
    """
    untagged = ImageReference(
        registry=image.registry, repository=image.repository, digest=image.digest
    )
    return ScanJob(id=jobs.job_id(image), image=untagged, requested_at=now, not_before=now)
