"""Jobs that came to nothing: given up, in the poison queue, or not even readable."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from scanner import jobs
from scanner.errors import InvalidMessageError
from scanner.model import ImageReference, ScanJob, Status, UnknownReason
from scanner.ports import HeldMessage, HeldMessages, JobQueue, ReportStore
from scanner.reprocess import another_look

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """Where a job got stuck."""

    ABANDONED = "abandoned"
    """It was tried too often; its verdict says so."""
    POISON = "poison"
    """It waits in the poison queue for its verdict."""
    UNREADABLE = "unreadable"
    """It was kept because it could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """One job that came to nothing, or a message that was to be one."""

    id: str
    kind: Kind
    what: str
    """The image, where it can be told."""
    reason: str
    since: datetime
    can_be_queued: bool = True
    """False for a message that still is no job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckJobs:
    """Finds them, and gives them another chance."""

    store: ReportStore
    queue: JobQueue
    poison: HeldMessages
    unreadable: HeldMessages

    def look(self) -> Iterator[Stuck]:
        """Yield what is stuck, without touching it. Raises StoreError."""
        for image, reason, as_of in self._abandoned():
            yield Stuck(
                id=jobs.job_id(image),
                kind=Kind.ABANDONED,
                what=image.name,
                reason=reason,
                since=as_of,
            )
        for message in self.poison.look():
            yield _described(message, Kind.POISON, "its last try failed; the worker's log says why")
        for message in self.unreadable.look():
            yield _described(message, Kind.UNREADABLE, "it could not be read")

    def requeue(self, ids: frozenset[str] | None, *, now: datetime) -> Iterator[str]:
        """Queue those with these ids, or all, anew; yield each id once its job is durable.

        What a crash leaves undone is still listed; what it has done twice is judged once. Raises
        StoreError.
        """
        for image, _, _ in self._abandoned():
            number = jobs.job_id(image)
            if ids is None or number in ids:
                self.queue.send(jobs.encode(another_look(image, now=now)))
                yield number
        for held in (self.poison, self.unreadable):
            for message in held.take():
                if (ids is None or message.id in ids) and (again := _again(message, now)):
                    self.queue.send(again)
                    held.remove(message)
                    yield message.id

    def _abandoned(self) -> Iterator[tuple[ImageReference, str, datetime]]:
        for row in self.store.list_current(status=Status.UNKNOWN):
            if row.reason == UnknownReason.ABANDONED:
                yield row.image, row.explanation, row.as_of


def _again(message: HeldMessage, now: datetime) -> str:
    """Return the message to queue, or nothing for one that still is no job."""
    try:
        job = jobs.decode(message.untrusted_body)
    except InvalidMessageError:
        return ""
    return jobs.encode(replace(job, not_before=now) if isinstance(job, ScanJob) else job)


def _described(message: HeldMessage, kind: Kind, otherwise: str) -> Stuck:
    what, can_be_queued = "?", True
    try:
        job = jobs.decode(message.untrusted_body)
        what = job.image.name if isinstance(job, ScanJob) else str(job.deletion)
    except InvalidMessageError as error:
        otherwise, can_be_queued = str(error), False
    return Stuck(
        id=message.id,
        kind=kind,
        what=what,
        reason=message.why or otherwise,
        since=message.since,
        can_be_queued=can_be_queued,
    )
