"""One page of a registry's list: what nobody has judged, and tags that name another image."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, islice

from scanner import jobs
from scanner.model import ScanJob
from scanner.ports import ListedManifest, ManifestPage, ReportStore, Sighting, Sightings
from scanner.reconcile.gate import Gate, QueueFullError
from scanner.reconcile.tally import Tally

logger = logging.getLogger(__name__)

_IN_FLIGHT = timedelta(minutes=10)
"""How long after a push its own event is given to bring it."""
_QUEUED_AGAIN = timedelta(hours=12)
"""How long a queued job may wait before it is taken for lost; longer than a full queue lasts."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Holds pages of one repository against what is stored, and queues the difference."""

    registry: str
    repository: str
    store: ReportStore
    sightings: Sightings
    gate: Gate
    clock: Callable[[], datetime]
    tally: Tally
    pass_began_at: datetime

    def take(self, page: ManifestPage, *, asked_at: datetime) -> None:
        """Queue what a page says that was not known when it was asked for.

        Raises QueueFullError and StoreError.
        """
        digests = [entry.image.digest for entry in page.manifests]
        judged = self.store.judged(self.registry, self.repository, digests)
        seen = self.sightings.among(self.registry, self.repository, digests)
        self.tally.listed += len(digests)
        self.gate.look_again()
        for entry in page.manifests:
            before = seen.get(entry.image.digest)
            if entry.image.digest not in judged:
                self._take_unseen(entry, before)
                continue
            if before is not None:
                self.sightings.remove(entry.image)
            self._correct_tags(entry, judged[entry.image.digest], asked_at)

    def _take_unseen(self, entry: ListedManifest, before: Sighting | None) -> None:
        self.tally.unseen += 1
        sighting = self._sighting(entry, before)
        if self._is_due(entry, sighting):
            try:
                self._queue(entry)
            except QueueFullError:
                self.sightings.save(sighting)
                raise
            sighting = replace(sighting, queued_at=self.clock())
        self.sightings.save(sighting)

    def _sighting(self, entry: ListedManifest, before: Sighting | None) -> Sighting:
        now = self.clock()
        if before is None:
            return Sighting(image=entry.image, first_seen_at=now, last_seen_at=now)
        return replace(before, image=entry.image, last_seen_at=now)

    def _is_due(self, entry: ListedManifest, sighting: Sighting) -> bool:
        now = self.clock()
        if now - entry.updated_at < _IN_FLIGHT:
            return False
        if sighting.queued_at is not None and now - sighting.queued_at < _QUEUED_AGAIN:
            return False
        # What has no tag is most often part of an index, whose job brings it. So it waits for the
        # next pass, or people would be told of each platform by itself.
        return entry.image.tag is not None or sighting.first_seen_at < self.pass_began_at

    def _queue(self, entry: ListedManifest) -> None:
        job = ScanJob(
            id=jobs.job_id(entry.image),
            image=entry.image,
            requested_at=min(entry.updated_at, self.clock()),
        )
        self.gate.send(job)
        self.tally.queued += 1
        logger.info("image.unseen_queued job=%s image=%s", job.id, entry.image)

    def _correct_tags(self, entry: ListedManifest, shown: str | None, asked_at: datetime) -> None:
        """Queue an image with each tag that it has by the list and not by what is stored.

        The job is that of the lost push: it finds the verdict, and moves the tag. It is dated when
        the page was asked for, so a push that came since has the later word.
        """
        if asked_at - entry.updated_at < _IN_FLIGHT:
            return
        for tag in entry.tags:
            # An image shows no tag that it does not have.
            if tag == shown or not self._is_wrong(entry, tag, asked_at):
                continue
            image = replace(entry.image, tag=tag)
            self.gate.send(ScanJob(id=jobs.job_id(image), image=image, requested_at=asked_at))
            self.tally.retagged += 1
            logger.info("tag.moved_queued image=%s tag=%s", image, tag)

    def _is_wrong(self, entry: ListedManifest, tag: str, asked_at: datetime) -> bool:
        push = self.store.find_tag(self.registry, self.repository, tag)
        if push is None:
            return True
        # A replica can list what was before a push of which the event has come.
        is_settled = asked_at - push.at >= _IN_FLIGHT
        return is_settled and push.image.digest != entry.image.digest


def unjudged(store: ReportStore, sightings: Sightings) -> Iterator[Sighting]:
    """Yield what was seen and has no verdict by now, though the reconciler may not know it yet."""
    of_repository = groupby(
        sightings.list_all(), key=lambda entry: (entry.image.registry, entry.image.repository)
    )
    for (registry, repository), entries in of_repository:
        while some := list(islice(entries, _AT_ONCE)):
            digests = [entry.image.digest for entry in some]
            judged = store.judged(registry, repository, digests)
            yield from (entry for entry in some if entry.image.digest not in judged)
