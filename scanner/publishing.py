"""A report from its draft to its place: named, stored, and told where it is news."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from scanner.herald import Herald
from scanner.judging import NOT_JUDGED, judged
from scanner.model import (
    ImageReference,
    Job,
    Report,
    Rulebook,
    ScanJob,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import ReportStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Stores reports and queues the notices about them. Needs storage and nothing else."""

    store: ReportStore
    herald: Herald
    rulebook: Callable[[], Rulebook]
    """Returns the current one. Raises PolicyError or StoreError where there is none."""

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

    def tag_of(self, image: ImageReference, rulebook: Rulebook) -> str | None:
        """Return the tag that rules go by: its own, or what names it or its index now.

        Raises StoreError.
        """
        if image.tag or not rulebook.asks_for_tags:
            return image.tag
        current = self.store.current(image)
        if current is None or current.image.tag or current.part_of is None:
            return current.image.tag if current else None
        index = self.store.current(replace(image, digest=current.part_of))
        return index.image.tag if index else None

    def abandon(self, job: ScanJob, *, detail: str, now: datetime) -> Report:
        """Store `unknown(abandoned)` for a job that was tried too often, and tell.

        Raises StoreError. It works where registry, scanner or disk are what failed the job.
        """
        seen = Unexaminable(reason=UnknownReason.ABANDONED, detail=detail)
        # Dated at the push: a verdict that was reached since then stays the current one.
        rulebook = self.rulebook()
        begun = draft(
            job,
            job.image,
            rulebook=rulebook,
            tag=job.image.tag,
            as_of=job.requested_at,
            now=now,
        )
        report = judged(begun, seen, rulebook)
        self.publish(report)
        return report


def draft(
    job: Job,
    image: ImageReference,
    *,
    rulebook: Rulebook,
    tag: str | None,
    as_of: datetime,
    now: datetime,
) -> Report:
    """Begin a report: what is the same whatever was seen. `scanner.judging` finishes it.

    The tag is what rules go by; of an index's platforms that of the index.
    """
    return Report(
        id="",
        image=image,
        job_id=job.id,
        requested_at=job.requested_at,
        as_of=as_of,
        finished_at=now,
        verdict=NOT_JUDGED,
        policy=rulebook.applied(tag=tag),
    )
