"""The flow for one deletion: ask the registry what is really gone, and retire that.

Events come late, twice and out of order, and whoever has the webhook's secret can write one; so a
deletion that is told is only the cause to look.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from scanner import jobs
from scanner.errors import RegistryError
from scanner.judging import judged
from scanner.model import (
    Deletion,
    Digest,
    ImageReference,
    NotApplicable,
    NotApplicableReason,
    RetireJob,
)
from scanner.ports import Registry
from scanner.publishing import Publisher, draft

logger = logging.getLogger(__name__)

_SETTLING = timedelta(seconds=90)
"""How long after a deletion a manifest may still be there: on the replica that answers us."""
_BEFORE_ALL = Digest("sha256:" + "0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """Takes what was deleted out of the current verdicts. Every step is safe to repeat."""

    registry: Registry
    publisher: Publisher
    enqueue: Callable[[str], None]
    """Queues a job; raises StoreError unless it is durable."""
    clock: Callable[[], datetime]

    def retire(self, job: RetireJob) -> None:
        """Retire a manifest that is gone; of a tag or a repository, queue each known manifest.

        Raises RegistryError or StoreError for our own faults, and RegistryError for a manifest
        that is still there so soon after: the job is then tried again.
        """
        digest = job.deletion.digest
        if digest is None:
            self._spread(job)
            return
        image = ImageReference(
            registry=job.deletion.registry, repository=job.deletion.repository, digest=digest
        )
        # Before the question: what is judged from now on is later than the deletion.
        as_of = self.clock()
        resolved = self.registry.resolve(image)
        if not _is_gone(resolved):
            if as_of - job.requested_at < _SETTLING:
                raise RegistryError(f"{image} was just deleted and is still in the registry.")
            logger.info("image.not_gone image=%s", image)
            return
        self._retire(job, image, as_of)

    def _retire(self, job: RetireJob, image: ImageReference, as_of: datetime) -> None:
        seen = NotApplicable(
            reason=NotApplicableReason.DELETED, detail="the registry has no such manifest"
        )
        rulebook = self.publisher.rulebook()
        begun = draft(job, image, rulebook=rulebook, tag=None, as_of=as_of, now=self.clock())
        self.publisher.publish(judged(begun, seen, rulebook))
        logger.info("image.retired image=%s", image)

    def _spread(self, job: RetireJob) -> None:
        # A job for each, so that a large repository holds up no worker and a retry repeats little.
        count = 0
        for digest in self._known(job.deletion):
            one = Deletion(
                registry=job.deletion.registry, repository=job.deletion.repository, digest=digest
            )
            self.enqueue(jobs.encode(jobs.retire_job(one, requested_at=job.requested_at)))
            count += 1
        logger.info("deletion.spread of=%s manifests=%d", job.deletion, count)

    def _known(self, deletion: Deletion) -> Iterator[Digest]:
        registry, repository = deletion.registry, deletion.repository
        if deletion.tag is not None:
            digest = self.publisher.store.resolve_tag(registry, repository, deletion.tag)
            yield from () if digest is None else (digest,)
            return
        begin = ImageReference(registry=registry, repository=repository, digest=_BEFORE_ALL)
        following = self.publisher.store.list_current(after=begin)
        for current in takewhile(
            lambda row: (row.image.registry, row.image.repository) == (registry, repository),
            following,
        ):
            yield current.image.digest


def _is_gone(resolved: object) -> bool:
    return isinstance(resolved, NotApplicable) and resolved.reason is NotApplicableReason.DELETED
