"""Lists what the registries hold and queues what nobody has judged: imports, lost events, a start.

What has a verdict and is listed no more is queued as well: its deletion was never told. A run ends
at its time budget, or when enough jobs wait; the next one goes on where it stopped.
"""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import groupby, islice

from scanner import jobs
from scanner.errors import RegistryError
from scanner.model import Deletion, ImageReference, ScanJob
from scanner.ports import (
    Catalogue,
    JobQueue,
    ListedManifest,
    ManifestPage,
    Progress,
    ReportStore,
    Sighting,
    Sightings,
)
from scanner.vanished import Vanished

logger = logging.getLogger(__name__)

BUDGET = timedelta(minutes=10)
"""For one run: a third of what the host gives a function."""
QUEUE_LIMIT = 1_000
"""Above this nothing is queued: some hours of work for one worker, and pushes wait behind it."""
_IN_FLIGHT = timedelta(minutes=10)
"""How long after a push its own event is given to bring it."""
_QUEUED_AGAIN = timedelta(hours=12)
"""How long a queued job may wait before it is taken for lost; longer than QUEUE_LIMIT lasts."""
_AT_ONCE = 500
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which repositories are reconciled: globs in which `*` also matches slashes."""

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()

    def admits(self, repository: str) -> bool:
        """Whether a repository is allowed by one glob and denied by none."""
        return any(fnmatchcase(repository, glob) for glob in self.allow) and not any(
            fnmatchcase(repository, glob) for glob in self.deny
        )

    @property
    def names(self) -> tuple[str, ...] | None:
        """The repositories, where they are all named: then no right to the catalogue is needed."""
        if any(map(_GLOB.search, self.allow)):
            return None
        return tuple(sorted(set(self.allow)))


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one run did."""

    listed: int = 0
    queued: int = 0
    unseen: int = 0
    """Manifests without a verdict that this run came across, queued or not."""
    vanished: int = 0
    """Manifests with a verdict that are listed no more, and are queued to be retired."""
    is_complete: bool = True
    """Whether every registry was listed to its end, with nothing left out."""


class _QueueFullError(Exception):
    """Raised inside a run when enough jobs wait."""


class _TimeUpError(Exception):
    """Raised inside a run when its budget is used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Compares each registry with the stored verdicts, and queues the difference."""

    catalogue: Catalogue
    store: ReportStore
    sightings: Sightings
    queue: JobQueue
    registries: frozenset[str]
    choice: Choice
    clock: Callable[[], datetime]
    budget: timedelta = BUDGET
    queue_limit: int = QUEUE_LIMIT

    def run(self) -> Tally:
        """Go on with every registry, the longest neglected first. Raises StoreError.

        A registry that does not answer is logged and stands in its progress; the others go on.
        """
        run = _Run(reconciler=self, ends_at=self.clock() + self.budget)
        known = [(self.sightings.progress(name), name) for name in sorted(self.registries)]
        known.sort(key=lambda entry: entry[0].run_at.timestamp() if entry[0] else 0.0)
        for progress, registry in known:
            run.visit(registry, progress)
        logger.info(
            "registries.reconciled listed=%d unseen=%d queued=%d complete=%s",
            run.tally.listed,
            run.tally.unseen,
            run.tally.queued,
            run.tally.is_complete,
        )
        return run.tally


@dataclass(slots=True, kw_only=True)
class _Run:
    reconciler: Reconciler
    ends_at: datetime
    tally: Tally = field(default_factory=Tally)

    def visit(self, registry: str, known: Progress | None) -> None:
        """Go on with one registry, and leave word of how far it came."""
        now = self.reconciler.clock()
        progress = known or Progress(registry=registry, pass_began_at=now, run_at=now)
        if not (progress.after or progress.inside):
            progress = replace(progress, pass_began_at=now)
        visit = _Visit(run=self, progress=replace(progress, run_at=now, fault=""))
        try:
            visit.go_on()
        except _QueueFullError:
            visit.stop("enough jobs wait")
        except _TimeUpError:
            visit.stop("the time for one run was up")
        except RegistryError as error:
            logger.warning("registry.not_listed registry=%s why=%s", registry, error)
            visit.stop(str(error))

    def require_time(self) -> None:
        if self.reconciler.clock() >= self.ends_at:
            raise _TimeUpError


@dataclass(slots=True, kw_only=True)
class _Visit:
    """One run's work on one registry."""

    run: _Run
    progress: Progress
    _left_out: list[str] = field(default_factory=list)

    @property
    def _own(self) -> Reconciler:
        return self.run.reconciler

    def go_on(self) -> None:
        for repository in self._repositories():
            self.run.require_time()
            if self._own.choice.admits(repository):
                self._list(repository)
            done = replace(self.progress, after=repository, inside="", manifests_after="")
            self._save(done)
        self._forget_the_gone()
        fault = f"not listed: {', '.join(self._left_out[:3])}" if self._left_out else ""
        now = self._own.clock()
        self._save(replace(self.progress, after="", pass_ended_at=now, fault=fault))

    def stop(self, why: str) -> None:
        self.run.tally.is_complete = False
        self._save(replace(self.progress, fault=why))

    def _repositories(self) -> Iterator[str]:
        after = self.progress.after
        if (names := self._own.choice.names) is not None:
            yield from (name for name in names if name > after)
            return
        for page in self._own.catalogue.repositories(self.progress.registry, after=after):
            yield from page

    def _list(self, repository: str) -> None:
        is_resumed = repository == self.progress.inside
        after = self.progress.manifests_after if is_resumed else ""
        registry = self.progress.registry
        pages = self._own.catalogue.manifests(registry, repository, after=after)
        vanished = Vanished(
            self._own.store, registry, repository, after=after, before=self.progress.run_at
        )
        try:
            for page in pages:
                self._compare(repository, page)
                self._retire(vanished.among(page))
                came = replace(self.progress, inside=repository, manifests_after=page.after)
                self._save(came)
                self.run.require_time()
            self._retire(vanished.at_end())
        except RegistryError as error:
            # One repository that refuses us must not hide the others.
            logger.warning("repository.not_listed repository=%s why=%s", repository, error)
            self._left_out.append(repository)
            self.run.tally.is_complete = False

    def _compare(self, repository: str, page: ManifestPage) -> None:
        registry = self.progress.registry
        digests = [entry.image.digest for entry in page.manifests]
        judged = self._own.store.judged(registry, repository, digests)
        seen = self._own.sightings.among(registry, repository, digests)
        self.run.tally.listed += len(digests)
        room = None
        for entry in page.manifests:
            before = seen.get(entry.image.digest)
            if entry.image.digest in judged:
                if before is not None:
                    self._own.sightings.remove(entry.image)
                continue
            self.run.tally.unseen += 1
            sighting = self._sighting(entry, before)
            if self._is_due(entry, sighting):
                if room is None:
                    room = self._room()
                if room <= 0:
                    self._own.sightings.save(sighting)
                    raise _QueueFullError
                self._queue(entry)
                room -= 1
                sighting = replace(sighting, queued_at=self._own.clock())
            self._own.sightings.save(sighting)

    def _retire(self, images: Iterator[ImageReference]) -> None:
        """Queue a look after each; the job asks the registry before it retires anything."""
        room = None
        for image in images:
            room = self._room() if room is None else room - 1
            if room <= 0:
                raise _QueueFullError
            gone = Deletion(
                registry=image.registry, repository=image.repository, digest=image.digest
            )
            job = jobs.retire_job(gone, requested_at=self._own.clock())
            self._own.queue.send(jobs.encode(job))
            self.run.tally.vanished += 1
            logger.info("image.vanished_queued job=%s image=%s", job.id, image)

    def _room(self) -> int:
        return self._own.queue_limit - self._own.queue.depth()

    def _sighting(self, entry: ListedManifest, before: Sighting | None) -> Sighting:
        now = self._own.clock()
        if before is None:
            return Sighting(image=entry.image, first_seen_at=now, last_seen_at=now)
        return replace(before, image=entry.image, last_seen_at=now)

    def _is_due(self, entry: ListedManifest, sighting: Sighting) -> bool:
        now = self._own.clock()
        if now - entry.updated_at < _IN_FLIGHT:
            return False
        if sighting.queued_at is not None and now - sighting.queued_at < _QUEUED_AGAIN:
            return False
        # What has no tag is most often part of an index, whose job brings it. So it waits for the
        # next pass, or people would be told of each platform by itself.
        return entry.image.tag is not None or sighting.first_seen_at < self.progress.pass_began_at

    def _queue(self, entry: ListedManifest) -> None:
        job = ScanJob(
            id=jobs.job_id(entry.image),
            image=entry.image,
            requested_at=min(entry.updated_at, self._own.clock()),
        )
        self._own.queue.send(jobs.encode(job))
        self.run.tally.queued += 1
        logger.info("image.unseen_queued job=%s image=%s", job.id, entry.image)

    def _forget_the_gone(self) -> None:
        """Forget what this whole pass did not come across any more, or is not to look at."""
        began = self.progress.pass_began_at
        for sighting in self._own.sightings.list_all(self.progress.registry):
            repository = sighting.image.repository
            if sighting.last_seen_at < began and repository not in self._left_out:
                self._own.sightings.remove(sighting.image)

    def _save(self, progress: Progress) -> None:
        self.progress = progress
        self._own.sightings.save_progress(progress)


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
