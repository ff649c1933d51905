"""The way through the registries: a repository after another, a page after another.

A run ends at its time budget, or when enough jobs wait; the next one goes on where it stopped.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scanner import jobs
from scanner.errors import RegistryError
from scanner.model import Deletion, ImageReference
from scanner.ports import Catalogue, JobQueue, Progress, ReportStore, Sightings
from scanner.reconcile.choice import Choice
from scanner.reconcile.gate import Gate, QueueFullError
from scanner.reconcile.tally import Tally
from scanner.reconcile.unseen import Comparison
from scanner.reconcile.vanished import Vanished

logger = logging.getLogger(__name__)

BUDGET = timedelta(minutes=10)
"""For one run: a third of what the host gives a function."""
QUEUE_LIMIT = 1_000
"""Above this nothing is queued: some hours of work for one worker, and pushes wait behind it."""


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
        run = _Run(
            reconciler=self,
            gate=Gate(self.queue, self.queue_limit),
            ends_at=self.clock() + self.budget,
        )
        known = [(self.sightings.progress(name), name) for name in sorted(self.registries)]
        known.sort(key=lambda entry: entry[0].run_at.timestamp() if entry[0] else 0.0)
        for progress, registry in known:
            run.visit(registry, progress)
        logger.info(
            "registries.reconciled listed=%d unseen=%d queued=%d retagged=%d vanished=%d "
            "complete=%s",
            run.tally.listed,
            run.tally.unseen,
            run.tally.queued,
            run.tally.retagged,
            run.tally.vanished,
            run.tally.is_complete,
        )
        return run.tally


@dataclass(slots=True, kw_only=True)
class _Run:
    reconciler: Reconciler
    gate: Gate
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
        except QueueFullError:
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
                self._own.sightings.note_listed(
                    self.progress.registry, repository, self._own.clock()
                )
                self._list(repository)
            done = replace(self.progress, after=repository, inside="", manifests_after="")
            self._save(done)
        # The catalogue has come to its end, so what it did not name this time may be gone.
        for repository in self._not_named():
            self.run.require_time()
            self._look_after(repository)
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
        try:
            self._go_through(repository)
        except RegistryError as error:
            self._leave_out(repository, error)

    def _go_through(self, repository: str) -> None:
        is_resumed = repository == self.progress.inside
        after = self.progress.manifests_after if is_resumed else ""
        registry = self.progress.registry
        comparison = self._comparison(repository)
        vanished = Vanished(
            self._own.store, registry, repository, after=after, before=self.progress.run_at
        )
        pages = iter(self._own.catalogue.manifests(registry, repository, after=after))
        asked_at = self._own.clock()
        while (page := next(pages, None)) is not None:
            comparison.take(page, asked_at=asked_at)
            self._retire(vanished.among(page))
            came = replace(self.progress, inside=repository, manifests_after=page.after)
            self._save(came)
            self.run.require_time()
            asked_at = self._own.clock()
        self._retire(vanished.at_end())

    def _comparison(self, repository: str) -> Comparison:
        return Comparison(
            registry=self.progress.registry,
            repository=repository,
            store=self._own.store,
            sightings=self._own.sightings,
            gate=self.run.gate,
            clock=self._own.clock,
            tally=self.run.tally,
            pass_began_at=self.progress.pass_began_at,
        )

    def _leave_out(self, repository: str, error: RegistryError) -> None:
        """Go on without a repository: one that refuses us must not hide the others."""
        logger.warning("repository.not_listed repository=%s why=%s", repository, error)
        self._left_out.append(repository)
        self.run.tally.is_complete = False

    def _retire(self, images: Iterator[ImageReference]) -> None:
        self.run.gate.look_again()
        for image in images:
            self._queue_retirement(
                Deletion(registry=image.registry, repository=image.repository, digest=image.digest)
            )

    def _not_named(self) -> Iterator[str]:
        """Yield the repositories that have verdicts and that this pass has not come across."""
        registry, began = self.progress.registry, self.progress.pass_began_at
        for repository in self._own.store.repositories(registry):
            if self._own.choice.admits(repository):
                listed_at = self._own.sightings.listed_at(registry, repository)
                if listed_at is None or listed_at < began:
                    yield repository

    def _look_after(self, repository: str) -> None:
        """Retire what we know of a repository if the registry itself says that it has none such."""
        registry = self.progress.registry
        try:
            is_there = self._own.catalogue.has_repository(registry, repository)
        except RegistryError as error:
            self._leave_out(repository, error)
            return
        if not is_there:
            self.run.gate.look_again()
            self._queue_retirement(Deletion(registry=registry, repository=repository))

    def _queue_retirement(self, gone: Deletion) -> None:
        """Queue a look after a deletion; the job asks for each manifest before it retires it."""
        job = jobs.retire_job(gone, requested_at=self._own.clock())
        self.run.gate.send(job)
        self.run.tally.vanished += 1
        logger.info("deletion.untold_queued job=%s of=%s", job.id, gone)

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
