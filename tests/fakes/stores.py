"""Stores in memory."""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from scanner import lookups
from scanner.model import (
    Digest,
    ImageReference,
    NotApplicableReason,
    PassedOver,
    Report,
    Status,
)
from scanner.ports import (
    Check,
    CurrentVerdict,
    PastVerdict,
    TagPush,
)
from scanner.sweeping import IndexedImage

if TYPE_CHECKING:
    from scanner.errors import PushscanError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Save:
    report: Report
    part_of: Digest | None


class InMemoryReportStore:
    """Keeps every save and answers from that history: slow, and plainly right."""

    def __init__(self) -> None:
        self.reports: dict[str, Report] = {}
        self.outage: PushscanError | None = None
        self._saves: list[_Save] = []
        self._checks: list[tuple[str, str, Check]] = []
        self._passed_over: dict[str, PassedOver] = {}
        self._lock = threading.RLock()

    def find_report(self, report_id: str) -> Report | None:
        """Return a stored report."""
        self._raise_outage()
        return self.reports.get(report_id)

    def save(self, report: Report, *, part_of: Digest | None = None) -> CurrentVerdict:
        """Store a report; what is current follows from all that were saved."""
        self._raise_outage()
        with self._lock:
            self.reports.setdefault(report.id, report)
            self._saves.append(_Save(report=report, part_of=part_of))
            if report.scan and report.scan.passed_over:
                self._passed_over[str(report.image)] = report.scan.passed_over
            return self._current(report.image)

    def saved(self) -> Sequence[Report]:
        """Return every report that was saved, in that order."""
        with self._lock:
            return [save.report for save in self._saves]

    def confirm(
        self, current: CurrentVerdict, check: Check, passed_over: PassedOver | None = None
    ) -> CurrentVerdict | None:
        """Remember that a verdict still stood."""
        self._raise_outage()
        with self._lock:
            self._checks.append((str(current.image), current.report_id, check))
            if passed_over:
                self._passed_over[str(current.image)] = passed_over
            return self.current(current.image)

    def stretch(self, after: ImageReference | None, limit: int) -> Sequence[IndexedImage]:
        """Return the next images in the order of their names."""
        place = str(after) if after else ""
        rows = sorted(self.list_current(), key=lambda row: str(row.image))
        return [
            IndexedImage(
                image=row.image, status=row.status, against=row.against, keys=self._keys(row)
            )
            for row in rows
            if str(row.image) > place
        ][:limit]

    def _keys(self, row: CurrentVerdict) -> frozenset[int] | None:
        report = self.reports[row.report_id]
        if not report.platforms:
            return lookups.keys_of(report)
        keys: frozenset[int] = frozenset()
        for entry in report.platforms:
            found = self._keys(self._current(replace(row.image, digest=entry.digest)))
            if found is None:
                return None
            keys |= found
        return keys

    def current(self, image: ImageReference) -> CurrentVerdict | None:
        """Return the verdict of the latest examination."""
        self._raise_outage()
        with self._lock:
            return self._current(image) if self._saves_of(image) else None

    def history(self, image: ImageReference) -> Iterator[PastVerdict]:
        """Yield all that was saved, the latest first, each examination once."""
        self._raise_outage()
        with self._lock:
            reports = [save.report for save in self._saves_of(image)]
        # Who asked first stays: a dictionary keeps what comes last.
        examinations = {(report.as_of, report.id): report for report in reversed(reports)}
        for _, report in sorted(examinations.items(), reverse=True):
            counts = report.severity_counts().items()
            yield PastVerdict(
                image=report.image,
                status=report.verdict.status,
                reason=str(report.verdict.reason or ""),
                rule=report.verdict.rule,
                counts=" ".join(f"{severity.name}={count}" for severity, count in counts),
                report_id=report.id,
                requested_at=report.requested_at,
                as_of=report.as_of,
                finished_at=report.finished_at,
            )

    def resolve_tag(self, registry: str, repository: str, tag: str) -> Digest | None:
        """Return the digest of the latest push of a tag."""
        push = self.find_tag(registry, repository, tag)
        return push.image.digest if push else None

    def repositories(self, registry: str) -> Iterator[str]:
        """Yield names in the order of the keys."""
        rows = (row.image for row in self.list_current() if row.image.registry == registry)
        yield from dict.fromkeys(image.repository for image in rows)

    def find_tag(self, registry: str, repository: str, tag: str) -> TagPush | None:
        """Return the latest push of a tag."""
        self._raise_outage()
        with self._lock:
            return max(
                (
                    TagPush(image=save.report.image, at=save.report.requested_at)
                    for save in self._saves
                    if (registry, repository, tag)
                    == (
                        save.report.image.registry,
                        save.report.image.repository,
                        save.report.image.tag,
                    )
                ),
                key=lambda push: (push.at, push.image.digest),
                default=None,
            )

    def tags_of(self, image: ImageReference) -> list[TagPush]:
        """Return the latest pushes of the tags that name a digest."""
        with self._lock:
            tags = {save.report.image.tag for save in self._saves_of(image)}
        pushes = (self.find_tag(image.registry, image.repository, tag) for tag in tags if tag)
        named = [push for push in pushes if push and push.image.digest == image.digest]
        return sorted(named, key=lambda push: (push.at, push.image.tag or ""), reverse=True)

    def list_current(
        self,
        *,
        status: Status | None = None,
        repository: str | None = None,
        after: ImageReference | None = None,
    ) -> Iterator[CurrentVerdict]:
        """Yield what is current, in the order of the names."""
        self._raise_outage()
        with self._lock:
            images = {str(save.report.image): save.report.image for save in self._saves}
            verdicts = [self._current(image) for image in images.values()]
        verdicts.sort(key=lambda verdict: place(verdict.image))
        for verdict in verdicts:
            if verdict.reason == NotApplicableReason.DELETED:
                continue
            if after and place(verdict.image) <= place(after):
                continue
            if status in {None, verdict.status} and (
                repository is None or fnmatchcase(verdict.image.repository, repository)
            ):
                yield verdict

    def judged(
        self, registry: str, repository: str, digests: Collection[Digest]
    ) -> Mapping[Digest, str | None]:
        """Return what has a verdict and was not deleted."""
        self._raise_outage()
        images = {
            digest: ImageReference(registry=registry, repository=repository, digest=digest)
            for digest in digests
        }
        return {
            digest: verdict.image.tag
            for digest, image in images.items()
            if (verdict := self.current(image)) and verdict.reason != NotApplicableReason.DELETED
        }

    def due(self, now: datetime) -> list[CurrentVerdict]:
        """Return those whose time has come."""
        self._raise_outage()
        images = {str(save.report.image): save.report.image for save in self._saves}
        rows = [self._current(images[name]) for name in sorted(images)]
        return [row for row in rows if row.turns_at is not None and row.turns_at <= now]

    def _saves_of(self, image: ImageReference) -> list[_Save]:
        return [save for save in self._saves if str(save.report.image) == str(image)]

    def _current(self, image: ImageReference) -> CurrentVerdict:
        saves = self._saves_of(image)
        *earlier, report = sorted((save.report for save in saves), key=lambda r: (r.as_of, r.id))
        tags = [(s.report.requested_at, s.report.image.tag) for s in saves if s.report.image.tag]
        kept = [
            push
            for push in tags
            if self.resolve_tag(image.registry, image.repository, push[1]) == image.digest
        ]
        indexes = [save.part_of for save in saves if save.part_of]
        counts = " ".join(f"{s.name}={n}" for s, n in report.severity_counts().items())
        return CurrentVerdict(
            image=ImageReference(
                registry=image.registry,
                repository=image.repository,
                digest=image.digest,
                tag=max(kept)[1] if kept else None,
            ),
            status=report.verdict.status,
            reason=str(report.verdict.reason or ""),
            rule=report.verdict.rule,
            explanation=report.verdict.explanation,
            report_id=report.id,
            as_of=report.as_of,
            platform=str(report.platform or ""),
            counts=counts,
            part_of=indexes[-1] if indexes else None,
            against=self._against(report),
            was_tagged=bool(tags),
            report_before=_before(report, earlier),
            turns_at=report.turns_at,
            passed_over=self._passed_over.get(str(report.image)),
        )

    def _against(self, report: Report) -> Check | None:
        if report.advisories is None:
            return None
        first = Check(
            at=report.as_of,
            advisories=report.advisories.digest,
            advisories_of=report.advisories.updated_at,
            rules=report.policy.fingerprint,
        )
        checks = [
            c for image, of, c in self._checks if (image, of) == (str(report.image), report.id)
        ]
        return max([first, *checks], key=lambda check: check.at)

    def _raise_outage(self) -> None:
        if self.outage is not None:
            raise self.outage


def place(image: ImageReference) -> tuple[str, str, Digest]:
    """Order as keys in Table Storage do, which may hold no slash."""
    return image.registry, image.repository.replace("/", "|"), image.digest


def _before(report: Report, earlier: list[Report]) -> str:
    """Name the last report before an image was deleted; of one that is there, nothing."""
    judged = [one.id for one in earlier if not _is_deletion(one)]
    return judged[-1] if _is_deletion(report) and judged else ""


def _is_deletion(report: Report) -> bool:
    return report.verdict.reason is NotApplicableReason.DELETED
