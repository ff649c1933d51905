"""The flow for one job: resolve, pull, scan, classify, publish."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scanner.ancestry import Ancestries
from scanner.classify.coverage import advisory_gap
from scanner.errors import PushscanError, RegistryError
from scanner.examination import Examiner
from scanner.judging import judged, judged_index, platform_verdict
from scanner.model import (
    Advisories,
    Digest,
    ImageReference,
    NotApplicable,
    NotApplicableReason,
    PlatformVerdict,
    Report,
    Rulebook,
    ScanJob,
    Scanner,
    Status,
    Unexaminable,
    UnknownReason,
    Verdict,
)
from scanner.ports import IndexEntry, Resolved, ResolvedImage, ResolvedIndex
from scanner.publishing import Publisher, draft

logger = logging.getLogger(__name__)

NESTED_INDEX = Unexaminable(
    reason=UnknownReason.MALFORMED_MANIFEST, detail="The index calls another index an image."
)
"""A descriptor can lie about what it points to, and so on without end."""
_SETTLING = timedelta(seconds=90)
"""How long after a push a manifest may be missing: a replica can announce it before it has it."""
_RECENT = timedelta(minutes=10)
"""How long an `unknown` stands for duplicates and retries of the push that it came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Turns a job into a stored verdict. Every step is safe to repeat, and the queue repeats it."""

    examiner: Examiner
    publisher: Publisher
    ancestries: Ancestries
    clock: Callable[[], datetime]

    def judge(self, job: ScanJob) -> Report:
        """Judge one manifest, store the verdict and queue a notice where one is due.

        Raises RegistryError, SandboxUnavailableError, AdvisoriesError or StoreError for our own
        faults: the job is then tried again.
        """
        run = self._begin(job)
        report = self._known(run, job.image) or self._examine(run, job.image)
        if self.publisher.rulebook().applied(tag=run.tag) != run.rulebook.applied(tag=run.tag):
            # Changed meanwhile, and the sweep for that may have gone by. All layers are known now.
            run = self._begin(job)
            report = self._known(run, job.image) or self._examine(run, job.image)
        self.publisher.publish(report)
        return report

    def _begin(self, job: ScanJob) -> "_Run":
        rulebook = self.publisher.rulebook()
        return _Run(
            job=job,
            as_of=self.clock(),
            scanner=self.examiner.scanner.describe(),
            advisories=self.examiner.scanner.advisories(),
            rulebook=rulebook,
            tag=self.publisher.tag_of(job.image, rulebook),
        )

    def _known(self, run: "_Run", image: ImageReference) -> Report | None:
        """Return what these very inputs have said before, unless it is worth another look."""
        current = self.publisher.store.current(image)
        if current is None or run.wants_later_than(current.as_of):
            return None
        report = self.publisher.store.find_report(current.report_id)
        if report is None or not self._still_stands(report, run):
            return None
        logger.info("image.known image=%s report=%s", image, report.id)
        return replace(report, image=image, job_id=run.job.id, requested_at=run.job.requested_at)

    def _still_stands(self, report: Report, run: "_Run") -> bool:
        if report.verdict.status is Status.NOT_APPLICABLE:
            # What a manifest is follows from its bytes, but a deleted one may be pushed again.
            return report.verdict.reason is not NotApplicableReason.DELETED
        if report.verdict.status is Status.UNKNOWN and not run.has_just_seen(report):
            return False
        if not all(entry.report_id for entry in report.platforms):
            return False
        return (
            report.policy == run.rulebook.applied(tag=run.tag)
            and (report.turns_at is None or run.as_of < report.turns_at)
            and report.scanner == run.scanner
            and report.advisories == run.advisories
            and advisory_gap(report.advisories, run.rulebook.policy, run.as_of) is None
        )

    def _examine(self, run: "_Run", image: ImageReference) -> Report:
        resolved = self._resolve(run, image)
        if isinstance(resolved, ResolvedIndex):
            return self._examine_index(run, resolved)
        return self._examine_resolved(run, image, resolved)

    def _resolve(self, run: "_Run", image: ImageReference) -> Resolved:
        resolved = self.examiner.registry.resolve(image)
        is_gone = (
            isinstance(resolved, NotApplicable) and resolved.reason is NotApplicableReason.DELETED
        )
        if is_gone and run.as_of - run.job.requested_at < _SETTLING:
            raise RegistryError(f"{image} was just pushed and is not in the registry yet.")
        return resolved

    def _examine_resolved(
        self,
        run: "_Run",
        image: ImageReference,
        resolved: ResolvedImage | NotApplicable | Unexaminable,
    ) -> Report:
        if isinstance(resolved, ResolvedImage):
            return self._examine_image(run, resolved)
        return judged(self._draft(run, image), resolved, run.rulebook)

    def _examine_image(self, run: "_Run", image: ResolvedImage) -> Report:
        examination = self.examiner.examine(image, advisories=run.advisories)
        begun = replace(
            self._draft(run, image.reference),
            platform=image.platform,
            config_digest=Digest.of(image.config),
            facts=image.facts,
            layers=examination.diff_ids,
            lineage=self.ancestries.trace(
                run.job.image,
                platform=image.platform,
                layers=examination.diff_ids,
                facts=image.facts,
            ),
        )
        return judged(begun, examination.seen, run.rulebook, lambda: self.ancestries.of(begun))

    def _examine_index(self, run: "_Run", index: ResolvedIndex) -> Report:
        platforms: list[PlatformVerdict] = []
        fault: PushscanError | None = None
        for entry in index.children:
            try:
                platforms.append(self._examine_platform(run, index, entry))
            except PushscanError as error:
                logger.warning("platform.failed image=%s why=%s", entry.reference, error)
                fault = fault or error
                platforms.append(_not_yet_examined(entry))
        report = self._index_report(run, index, platforms)
        if fault is not None:
            # What is known to be unhealthy is told now, whatever becomes of the other platforms.
            if report.verdict.status is Status.UNHEALTHY:
                self.publisher.publish(report)
            raise fault
        return report

    def _examine_platform(
        self, run: "_Run", index: ResolvedIndex, entry: IndexEntry
    ) -> PlatformVerdict:
        report = self._known(run, entry.reference)
        if report is None:
            resolved = self._resolve(run, entry.reference)
            if isinstance(resolved, ResolvedIndex):
                resolved = NESTED_INDEX
            report = self._examine_resolved(run, entry.reference, resolved)
        self.publisher.store.save(report, part_of=index.reference.digest)
        return platform_verdict(entry.platform, report)

    def _index_report(
        self, run: "_Run", index: ResolvedIndex, platforms: list[PlatformVerdict]
    ) -> Report:
        return judged_index(self._draft(run, index.reference), platforms, run.rulebook)

    def _draft(self, run: "_Run", image: ImageReference) -> Report:
        begun = draft(
            run.job,
            image,
            rulebook=run.rulebook,
            tag=run.tag,
            as_of=run.as_of,
            now=self.clock(),
        )
        return replace(begun, scanner=run.scanner, advisories=run.advisories)


def _not_yet_examined(entry: IndexEntry) -> PlatformVerdict:
    """Stand in for a platform whose examination failed for our own fault; it has no report."""
    return PlatformVerdict(
        platform=entry.platform,
        digest=entry.reference.digest,
        verdict=Verdict(
            status=Status.UNKNOWN,
            reason=UnknownReason.INCOMPLETE,
            rule="examination-complete",
            explanation="This platform could not be examined yet; that is being tried again.",
        ),
        report_id="",
        counts={},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What is the same for everything that one job judges."""

    job: ScanJob
    as_of: datetime
    scanner: Scanner
    advisories: Advisories
    rulebook: Rulebook
    tag: str | None
    """What rules on tags go by."""

    def wants_later_than(self, moment: datetime) -> bool:
        """Whether the job asks for another look than that of this moment."""
        # The row's time, not the report's: an equal verdict has the id of the first report.
        return self.job.not_before is not None and moment < self.job.not_before

    def has_just_seen(self, report: Report) -> bool:
        """Whether a report came from this very push, a few minutes ago."""
        return report.as_of >= self.job.requested_at and self.as_of - report.as_of <= _RECENT
