"""Stored images judged again by what is kept of them: no registry is asked for anything.

What is kept: the diff_ids of the layers, in the report, and an inventory of each. Where that does
not suffice, the image takes the way of a push. Many are matched together, which is far cheaper than
one by one; where that goes wrong, each becomes a job of its own.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from scanner.ancestry import Ancestries
from scanner.asking_registry import RegistryTurn
from scanner.classify.coverage import advisory_gap
from scanner.errors import AdvisoriesError, PushscanError
from scanner.herald import Standing
from scanner.judging import judged, judged_index, platform_verdict
from scanner.kept_images import Kept, KeptImages, UnmatchedError
from scanner.known_layers import KnownLayers
from scanner.model import (
    ImageReference,
    PlatformVerdict,
    Report,
    ScanJob,
    Status,
)
from scanner.ports import DelayingQueue, ImageScanner, InventoryStore
from scanner.publishing import Publisher, draft
from scanner.rejudge_messages import RejudgeJob, encode_job
from scanner.rejudge_run import Rest, Run

logger = logging.getLogger(__name__)

_WRITERS = 8
"""Of rows and reports at once: nearly all of that is waiting."""
_PART = 25
"""Images that are read, matched and stored one after the other: what one Trivy is asked about."""
_BEGIN_WITHIN = timedelta(minutes=5)
"""No part is begun later: a host ends a function that takes too long, and nothing were done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudger:
    """Judges stored images again. Needs storage and a scanner; safe to repeat."""

    scanner: ImageScanner
    inventories: InventoryStore
    publisher: Publisher
    ancestries: Ancestries
    turn: RegistryTurn
    later: DelayingQueue
    clock: Callable[[], datetime]
    parts_at_once: int
    """Some images are read and stored while others are matched."""

    def judge(self, job: RejudgeJob) -> None:
        """Judge images, or indexes by their platforms, by current advisories and rules.

        A report is stored only where it says something else than before; where not, it is noted
        what the verdict was checked against. An examination that began later stays current.

        Raises SandboxUnavailableError, AdvisoriesError (also for advisories that are stale, or
        older than the job wants) or StoreError for our own faults: the job is then tried again.
        """
        if job.asks_registry:
            self.turn.take(job.images)
            return
        run = self._begin(job)
        parts = [job.images[n : n + _PART] for n in range(0, len(job.images), _PART)]
        with ThreadPoolExecutor(self.parts_at_once, "part") as side_by_side:
            rest = Rest.of(side_by_side.map(partial(self._judge_part, run), parts))
        for image in rest.alone:
            self.later.send(encode_job(replace(job, images=(image,))))
        self.turn.take(rest.to_pull)

    def _judge_part(self, run: Run, images: Sequence[ImageReference]) -> Rest:
        """Judge some images of a job; where that goes wrong, each gets a job of its own."""
        if self.clock() - run.as_of > _BEGIN_WITHIN:
            return Rest(alone=tuple(images))
        part = run.part()
        try:
            part.images.match_all(images, part.is_past)
            return self._publish_all(part, images)
        except PushscanError as error:
            if len(run.job.images) == 1:
                raise
            logger.warning("rejudging.divided images=%d why=%s", len(images), error)
            return Rest(alone=tuple(images))

    def _begin(self, job: RejudgeJob) -> Run:
        advisories = self.scanner.advisories()
        run = Run(
            job=job,
            as_of=self.clock(),
            scanner=self.scanner.describe(),
            rulebook=self.publisher.rulebook(),
            publisher=self.publisher,
            images=KeptImages(
                store=self.publisher.store,
                layers=KnownLayers(self.inventories, self.scanner.profile(advisories)),
                scanner=self.scanner,
                advisories=advisories,
            ),
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

    def _publish_all(self, run: Run, named: Sequence[ImageReference]) -> Rest:
        """Judge all images, some at a time, and then the indexes, of which they may be part."""

        def is_index(image: ImageReference) -> bool:
            kept = run.images.find(image)
            return kept is not None and bool(kept.report.platforms)

        indexes = [image for image in named if is_index(image)]
        images = [image for image in named if image not in indexes]
        publish = partial(self._publish, run)
        with ThreadPoolExecutor(_WRITERS, "judge") as side_by_side:
            rests = list(side_by_side.map(publish, images))
        return Rest.of([*rests, *map(publish, indexes)])

    def _publish(self, run: Run, image: ImageReference) -> Rest:
        """Judge an image, or return what must become of it."""
        try:
            report = self._judge(run, image)
        except UnmatchedError:
            return Rest(alone=(image,))
        if report is None:
            return Rest(to_pull=(image,))
        # Also when an earlier try died right here, by these advisories or by those before: what is
        # known is not told twice.
        self.publisher.herald.observe(report.image, run.confirmed.get(replace(image, tag=None)))
        return Rest()

    def _judge(
        self, run: Run, image: ImageReference, *, is_platform: bool = False
    ) -> Report | None:
        """Return the report that stands now; None where the registry must be asked."""
        kept = run.images.find(image)
        if kept is None or (is_platform and kept.report.platforms):
            # Indexes may name indexes, and so on without end.
            return None
        if kept.report.verdict.status is Status.NOT_APPLICABLE or run.is_past(kept):
            return kept.report
        name = replace(image, tag=None)
        if name not in run.judged:
            judge = self._judge_index if kept.report.platforms else self._judge_image
            news = judge(run, kept)
            if news is None or news is kept.report:
                return news
            settled = self._settle(run, kept, replace(news, image=kept.current.image))
            run.judged[name] = settled
        return run.judged[name]

    def _settle(self, run: Run, kept: Kept, news: Report) -> Report | None:
        store, report = self.publisher.store, kept.report
        if _says(news) == _says(report):
            seen = news.scan.passed_over if news.scan else None
            current = store.confirm(kept.current, run.check(kept), seen)
            if current and current.report_id == report.id:
                run.confirmed[replace(report.image, tag=None)] = Standing(current, report)
            logger.info("image.confirmed image=%s verdict=%s", report.image, report.verdict)
            return report
        standing = store.save(news)
        logger.info(
            "image.rejudged image=%s was=%s is=%s", news.image, report.verdict, news.verdict
        )
        return news if standing.report_id == news.id else store.find_report(standing.report_id)

    def _judge_image(self, run: Run, kept: Kept) -> Report | None:
        report = kept.report
        seen = run.images.seen(report)
        if seen is None:
            # An image that could not be examined cannot be now: only another scanner might. One
            # that was given up names none.
            is_hopeless = report.scan is None and run.has_same_scanner(report)
            return report if is_hopeless else None
        begun = replace(
            self._draft(run, kept),
            platform=report.platform,
            config_digest=report.config_digest,
            layers=report.layers,
            facts=report.facts,
            lineage=report.lineage,
        )
        return judged(begun, seen, run.rulebook, lambda: self.ancestries.of(begun))

    def _judge_index(self, run: Run, kept: Kept) -> Report | None:
        report = kept.report
        platforms: list[PlatformVerdict] = []
        for entry in report.platforms:
            image = replace(report.image, digest=entry.digest, tag=None)
            found = self._judge(run, image, is_platform=True)
            if found is None:
                return None
            platforms.append(platform_verdict(entry.platform, found))
        return judged_index(self._draft(run, kept), platforms, run.rulebook)

    def _draft(self, run: Run, kept: Kept) -> Report:
        report = kept.report
        job = ScanJob(id=report.job_id, image=report.image, requested_at=report.requested_at)
        begun = draft(
            job,
            report.image,
            rulebook=run.rulebook,
            tag=run.tag_of(kept),
            as_of=run.as_of,
            now=self.clock(),
        )
        return replace(begun, scanner=run.scanner, advisories=run.advisories)


def _says(report: Report) -> tuple[object, ...]:
    rules = replace(report.policy, exemptions=None, exploits=())
    return report.verdict, report.scan, report.platforms, report.decisions, report.turns_at, rules
