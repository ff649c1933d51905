"""The flow for one job: resolve, pull, scan, classify, save, announce."""

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from scanner.classify import classify, classify_index
from scanner.classify.coverage import advisory_gap
from scanner.model import (
    Advisories,
    Digest,
    ImageReference,
    NotApplicable,
    NotApplicableReason,
    PlatformVerdict,
    Policy,
    Report,
    ScanJob,
    Scanner,
    ScanReport,
    Status,
    Unexaminable,
    UnknownReason,
    Verdict,
)
from scanner.ports import (
    ImageScanner,
    Layout,
    Outbox,
    Registry,
    ReportStore,
    ResolvedImage,
    ResolvedIndex,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Turns a job into a stored verdict. Every step is safe to repeat, and the queue repeats it."""

    registry: Registry
    scanner: ImageScanner
    store: ReportStore
    outbox: Outbox
    policy: Policy
    scratch: Path
    """Where images are unpacked for the time of one scan; needs room for the largest."""
    clock: Callable[[], datetime]

    def judge(self, job: ScanJob) -> Report:
        """Judge one manifest, store the verdict and queue a notice where one is due.

        Raises RegistryError, SandboxUnavailableError, AdvisoriesError, StoreError or NoticeError
        for our own faults: the job is then tried again.
        """
        run = _Run(
            job=job,
            as_of=self.clock(),
            scanner=self.scanner.describe(),
            advisories=self.scanner.advisories(),
        )
        report = self._known(run, job.image) or self._examine(run, job.image)
        self._save(report)
        return report

    def abandon(self, job: ScanJob, *, detail: str) -> Report:
        """Store `unknown(abandoned)` for a job that was tried too often, and tell."""
        seen = Unexaminable(reason=UnknownReason.ABANDONED, detail=detail)
        # Dated at the push: a verdict that was reached since then stays the current one.
        as_of = job.requested_at
        verdict = classify(seen, advisories=None, policy=self.policy, as_of=as_of)
        report = identified(self._draft(job, job.image, verdict, as_of=as_of))
        self._save(report)
        return report

    def _known(self, run: "_Run", image: ImageReference) -> Report | None:
        """Return what these very inputs have said before, unless they could not say anything."""
        current = self.store.current(image)
        if current is None or current.status is Status.UNKNOWN:
            return None
        report = self.store.find_report(current.report_id)
        if report is None or not self._rests_on_same(report, run):
            return None
        logger.info("image.known image=%s report=%s", image, report.id)
        return replace(report, image=image, job_id=run.job.id, requested_at=run.job.requested_at)

    def _rests_on_same(self, report: Report, run: "_Run") -> bool:
        if report.verdict.status is Status.NOT_APPLICABLE:
            # What a manifest is follows from its bytes, but a deleted one may be pushed again.
            return report.verdict.reason is not NotApplicableReason.DELETED
        return (
            report.policy == self.policy
            and report.scanner == run.scanner
            and report.advisories == run.advisories
            and advisory_gap(report.advisories, self.policy, run.as_of) is None
        )

    def _examine(self, run: "_Run", image: ImageReference) -> Report:
        resolved = self.registry.resolve(image)
        if isinstance(resolved, ResolvedIndex):
            return self._examine_index(run, resolved)
        return self._examine_resolved(run, image, resolved)

    def _examine_resolved(
        self,
        run: "_Run",
        image: ImageReference,
        resolved: ResolvedImage | NotApplicable | Unexaminable,
    ) -> Report:
        if isinstance(resolved, ResolvedImage):
            return self._examine_image(run, resolved)
        return identified(self._report(run, image, resolved))

    def _examine_platform(self, run: "_Run", image: ImageReference) -> Report:
        resolved = self.registry.resolve(image)
        if isinstance(resolved, ResolvedIndex):
            # A descriptor can lie about what it points to, and so on without end.
            resolved = Unexaminable(
                reason=UnknownReason.MALFORMED_MANIFEST,
                detail="The index calls another index an image.",
            )
        return self._examine_resolved(run, image, resolved)

    def _examine_image(self, run: "_Run", image: ResolvedImage) -> Report:
        with tempfile.TemporaryDirectory(prefix="scan-", dir=self.scratch) as folder:
            layout = self.registry.pull(image, into=Path(folder))
            seen = (
                self.scanner.scan(layout, advisories=run.advisories)
                if isinstance(layout, Layout)
                else layout
            )
        return identified(
            replace(
                self._report(run, image.reference, seen),
                platform=image.platform,
                config_digest=Digest.of(image.config),
                layers=layout.diff_ids if isinstance(layout, Layout) else (),
            )
        )

    def _examine_index(self, run: "_Run", index: ResolvedIndex) -> Report:
        platforms = []
        for entry in index.children:
            report = self._known(run, entry.reference) or self._examine_platform(
                run, entry.reference
            )
            self.store.save(report, part_of=index.reference.digest)
            platforms.append(
                PlatformVerdict(
                    platform=entry.platform,
                    digest=entry.reference.digest,
                    verdict=report.verdict,
                    report_id=report.id,
                    counts=report.severity_counts(),
                )
            )
        draft = self._draft(run.job, index.reference, classify_index(platforms), as_of=run.as_of)
        return identified(
            replace(
                draft,
                scanner=run.scanner,
                advisories=run.advisories,
                platforms=tuple(platforms),
            )
        )

    def _report(
        self,
        run: "_Run",
        image: ImageReference,
        seen: ScanReport | Unexaminable | NotApplicable,
    ) -> Report:
        verdict = classify(seen, advisories=run.advisories, policy=self.policy, as_of=run.as_of)
        draft = self._draft(run.job, image, verdict, as_of=run.as_of)
        if isinstance(seen, NotApplicable):
            return draft
        return replace(
            draft,
            scanner=run.scanner,
            advisories=run.advisories,
            scan=seen if isinstance(seen, ScanReport) else None,
        )

    def _draft(
        self, job: ScanJob, image: ImageReference, verdict: Verdict, *, as_of: datetime
    ) -> Report:
        return Report(
            id="",
            image=image,
            job_id=job.id,
            requested_at=job.requested_at,
            as_of=as_of,
            finished_at=self.clock(),
            verdict=verdict,
            policy=self.policy,
        )

    def _save(self, report: Report) -> None:
        current = self.store.save(report)
        logger.info(
            "image.judged image=%s verdict=%s rule=%s report=%s",
            report.image,
            report.verdict,
            report.verdict.rule,
            report.id,
        )
        if current.report_id == report.id:
            self.outbox.announce(report)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What is the same for everything that one job judges."""

    job: ScanJob
    as_of: datetime
    scanner: Scanner
    advisories: Advisories


def identified(report: Report) -> Report:
    """Give a report the id that follows from its inputs and its verdict, 64 hex digits.

    Equal inputs give equal ids, so that whoever repeats a scan writes the same report again.
    """
    inputs = {
        "image": str(report.image),
        "verdict": str(report.verdict),
        "platforms": [[str(entry.digest), entry.report_id] for entry in report.platforms],
        "policy": [
            report.policy.fail_on.name,
            report.policy.ignore_unfixed,
            report.policy.max_advisory_age_hours,
        ],
        "scanner": [report.scanner.version, str(report.scanner.digest), report.scanner.isolation]
        if report.scanner
        else None,
        "advisories": str(report.advisories.digest) if report.advisories else None,
    }
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return replace(report, id=hashlib.sha256(canonical.encode()).hexdigest())
