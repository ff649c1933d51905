"""A stored image judged again by what is kept of it: no registry is asked for anything.

What is kept: the diff_ids of its layers, in its report, and an inventory of each. Where that does
not suffice, the image takes the way of a push.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from scanner import jobs
from scanner.ancestry import Ancestries
from scanner.classify.coverage import advisory_gap
from scanner.errors import AdvisoriesError
from scanner.judging import judged, judged_index
from scanner.model import (
    Advisories,
    Digest,
    ImageReference,
    PlatformVerdict,
    Report,
    Rulebook,
    ScanJob,
    Scanner,
    ScanReport,
    Status,
    Unexaminable,
)
from scanner.ports import Check, CurrentVerdict, ImageScanner, InventoryStore
from scanner.publishing import Publisher, draft
from scanner.rejudge_messages import RejudgeJob
from scanner.reprocess import another_look

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudger:
    """Judges stored images again. Needs storage and a scanner; safe to repeat."""

    scanner: ImageScanner
    inventories: InventoryStore
    publisher: Publisher
    ancestries: Ancestries
    rescan: Callable[[str], None]
    """Queues a job of the ordinary kind."""
    clock: Callable[[], datetime]

    def judge(self, job: RejudgeJob) -> None:
        """Judge an image, or an index by its platforms, by current advisories and policy.

        A report is stored only where it says something else than before; where not, it is noted
        what the verdict was checked against. An examination that began later stays current.

        Raises SandboxUnavailableError, AdvisoriesError (also for advisories that are stale, or
        older than the job wants) or StoreError for our own faults: the job is then tried again.
        """
        run = self._begin(job)
        report = self._judge(run, job.image)
        if report is None:
            self._ask_registry(run, job.image)
        else:
            # Also when an earlier try died right here, by these advisories or by those before: what
            # is known is not told twice.
            self.publisher.herald.observe(report.image)

    def _begin(self, job: RejudgeJob) -> "_Run":
        rulebook = self.publisher.rulebook()
        run = _Run(
            job=job,
            as_of=self.clock(),
            scanner=self.scanner.describe(),
            advisories=self.scanner.advisories(),
            rulebook=rulebook,
            tag=self.publisher.tag_of(job.image, rulebook),
        )
        if job.since is not None and run.advisories.updated_at < job.since:
            raise AdvisoriesError(
                f"advisories of {job.since.isoformat()} or later are not here yet"
            )
        if gap := advisory_gap(run.advisories, run.rulebook.policy, run.as_of):
            # What is stored was true of its own time; that nothing newer is known is told once,
            # by who updates advisories, and not by every image.
            raise AdvisoriesError(gap.detail)
        return run

    def _judge(
        self, run: "_Run", image: ImageReference, *, is_platform: bool = False
    ) -> Report | None:
        """Return the report that stands now; None where the registry must be asked."""
        current = self.publisher.store.current(image)
        report = self.publisher.store.find_report(current.report_id) if current else None
        if current is None or report is None or (is_platform and report.platforms):
            # Indexes may name indexes, and so on without end.
            return None
        if report.verdict.status is Status.NOT_APPLICABLE or run.is_past(current, report):
            return report
        judge = self._judge_index if report.platforms else self._judge_image
        news = judge(run, report)
        if news is None or news is report:
            return news
        return self._settle(run, current, report, replace(news, image=current.image))

    def _settle(
        self,
        run: "_Run",
        current: CurrentVerdict,
        report: Report,
        news: Report,
    ) -> Report | None:
        store = self.publisher.store
        if _says(news) == _says(report):
            store.confirm(current, run.check)
            logger.info("image.confirmed image=%s verdict=%s", report.image, report.verdict)
            return report
        standing = store.save(news)
        logger.info(
            "image.rejudged image=%s was=%s is=%s", news.image, report.verdict, news.verdict
        )
        return news if standing.report_id == news.id else store.find_report(standing.report_id)

    def _judge_image(self, run: "_Run", report: Report) -> Report | None:
        seen = self._match(run, report)
        if seen is None:
            # An image that could not be examined cannot be now: only another scanner might. One
            # that was given up names none.
            is_hopeless = report.scan is None and run.has_same_scanner(report)
            return report if is_hopeless else None
        begun = replace(
            self._draft(run, report),
            platform=report.platform,
            config_digest=report.config_digest,
            layers=report.layers,
            facts=report.facts,
            lineage=report.lineage,
        )
        return judged(begun, seen, run.rulebook, lambda: self.ancestries.of(begun))

    def _match(self, run: "_Run", report: Report) -> ScanReport | Unexaminable | None:
        if not report.layers:
            return None
        profile = self.scanner.profile(run.advisories)
        distinct = {
            diff_id: self.inventories.find(profile, diff_id)
            for diff_id in dict.fromkeys(report.layers)
        }
        layers = [layer for d in report.layers if (layer := distinct[d]) is not None]
        if len(layers) < len(report.layers):
            return None
        return self.scanner.match(layers, advisories=run.advisories)

    def _judge_index(self, run: "_Run", report: Report) -> Report | None:
        platforms: list[PlatformVerdict] = []
        for entry in report.platforms:
            image = replace(report.image, digest=entry.digest, tag=None)
            found = self._judge(run, image, is_platform=True)
            if found is None:
                return None
            platforms.append(
                PlatformVerdict(
                    platform=entry.platform,
                    digest=entry.digest,
                    verdict=found.verdict,
                    report_id=found.id,
                    counts=found.severity_counts(),
                    turns_at=found.turns_at,
                )
            )
        return judged_index(self._draft(run, report), platforms, run.rulebook)

    def _draft(self, run: "_Run", report: Report) -> Report:
        job = ScanJob(id=report.job_id, image=report.image, requested_at=report.requested_at)
        begun = draft(
            job,
            report.image,
            rulebook=run.rulebook,
            tag=run.tag,
            as_of=run.as_of,
            now=self.clock(),
        )
        return replace(begun, scanner=run.scanner, advisories=run.advisories)

    def _ask_registry(self, run: "_Run", image: ImageReference) -> None:
        # Dated now: were it given up, a verdict of before must not hide that.
        self.rescan(jobs.encode(another_look(image, now=run.as_of)))
        logger.info("image.queued image=%s why=not-judged-without-registry", image)


def _says(report: Report) -> tuple[object, ...]:
    rules = replace(report.policy, exemptions=None, exploits=())
    return report.verdict, report.scan, report.platforms, report.decisions, report.turns_at, rules


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What is the same for everything that one job judges."""

    job: RejudgeJob
    as_of: datetime
    scanner: Scanner
    advisories: Advisories
    rulebook: Rulebook
    tag: str | None
    """What rules on tags go by."""

    @property
    def check(self) -> Check:
        """What the verdicts of this run were held against."""
        return Check(
            at=self.as_of,
            advisories=self.advisories.digest,
            advisories_of=self.advisories.updated_at,
            rules=self.rules,
        )

    @property
    def rules(self) -> Digest:
        """Name all that decides beside the advisories."""
        return self.rulebook.applied(tag=self.tag).fingerprint

    def has_same_scanner(self, report: Report) -> bool:
        """Whether this very scanner has seen the image."""
        return report.scanner is not None and report.scanner.digest == self.scanner.digest

    def is_past(self, current: CurrentVerdict, report: Report) -> bool:
        """Whether the image was judged by what is current here, or by something newer."""
        if current.against is None:
            return False
        is_newer = current.against.advisories_of > self.advisories.updated_at
        if is_newer and self.job.since is not None:
            return True
        return (
            current.against.advisories == self.advisories.digest
            and current.against.rules == self.rules
            and (current.turns_at is None or self.as_of < current.turns_at)
            and self.has_same_scanner(report)
        )
