"""A report from its draft to its place: named, stored, and told where it is news."""

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime

from scanner.classify import classify
from scanner.herald import Herald
from scanner.model import (
    ImageReference,
    Job,
    Policy,
    Report,
    ScanJob,
    Unexaminable,
    UnknownReason,
    Verdict,
)
from scanner.ports import ReportStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Stores reports and queues the notices about them. Needs storage and nothing else."""

    store: ReportStore
    herald: Herald
    policy: Policy

    def publish(self, report: Report) -> None:
        """Store a report, then announce what has changed for whoever follows the image.

        Safe to repeat. Raises StoreError.
        """
        self.store.save(report)
        logger.info(
            "image.judged image=%s verdict=%s rule=%s report=%s",
            report.image,
            report.verdict,
            report.verdict.rule,
            report.id,
        )
        self.herald.observe(report.image)

    def abandon(self, job: ScanJob, *, detail: str, now: datetime) -> Report:
        """Store `unknown(abandoned)` for a job that was tried too often, and tell.

        Raises StoreError. It works where registry, scanner or disk are what failed the job.
        """
        seen = Unexaminable(reason=UnknownReason.ABANDONED, detail=detail)
        # Dated at the push: a verdict that was reached since then stays the current one.
        as_of = job.requested_at
        verdict = classify(seen, advisories=None, policy=self.policy, as_of=as_of)
        report = identified(
            draft(job, job.image, verdict, policy=self.policy, as_of=as_of, now=now)
        )
        self.publish(report)
        return report


def draft(
    job: Job,
    image: ImageReference,
    verdict: Verdict,
    *,
    policy: Policy,
    as_of: datetime,
    now: datetime,
) -> Report:
    """Begin a report: what is the same whatever was seen. Its id comes last, by `identified`."""
    return Report(
        id="",
        image=image,
        job_id=job.id,
        requested_at=job.requested_at,
        as_of=as_of,
        finished_at=now,
        verdict=verdict,
        policy=policy,
    )


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
        "advisories": [str(report.advisories.digest), str(report.advisories.java_digest)]
        if report.advisories
        else None,
    }
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return replace(report, id=hashlib.sha256(canonical.encode()).hexdigest())
