"""A transition and the stored reports -> what is told of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.blocking import blocking, exempted, key_of, keys_of
from scanner.errors import InvalidMessageError
from scanner.model import (
    Decision,
    Finding,
    Report,
    Subject,
    Transition,
    TransitionKind,
)
from scanner.notify.announcement import Announcement
from scanner.ports import ReportStore
from scanner.transitions import AHEAD

TOP_FINDINGS = 5
TOP_REMEDIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """Finds out what there is to say when it is said: by then more tags may name the image."""

    store: ReportStore

    def compose(self, transition: Transition, *, notice_id: str) -> Announcement:
        """Say what happened. Raises InvalidMessageError where its report is gone, StoreError."""
        report = self.store.find_report(transition.report_id)
        if report is None:
            raise InvalidMessageError("names no stored report", field="report_id")
        before = self._before(transition)
        parts = list(self._parts(report))
        tag, *others = self._tags(transition)
        new = _new_keys(transition, report, before)
        findings = sorted(blocking(report), key=lambda subject: _by_urgency(subject, new))
        remedies = list(dict.fromkeys(remedy for part in parts for remedy in part.remedies))
        remedies.sort(key=lambda remedy: -len(remedy.clears))
        return Announcement(
            id=notice_id,
            kind=transition.kind,
            registry=transition.image.registry,
            repository=transition.image.repository,
            tag=tag,
            other_tags=tuple(filter(None, others)),
            digest=str(transition.image.digest),
            since=transition.since,
            at=transition.at,
            verdict=str(report.verdict),
            verdict_before=str(before.verdict) if before else "",
            rule=report.verdict.rule,
            explanation=report.verdict.explanation,
            severity=max((subject.severity for subject in findings), default=None),
            counts=report.severity_counts(),
            remedies=tuple(remedies[:TOP_REMEDIES]),
            remedies_total=len(remedies),
            findings=tuple(findings[:TOP_FINDINGS]),
            findings_total=len(findings),
            new_total=len(new),
            expiring=tuple(_expiring(transition, parts)),
            advisories=report.advisories.source if report.advisories else "",
            report_id=report.id,
            link="",
        )

    def _before(self, transition: Transition) -> Report | None:
        known = transition.report_before
        return self.store.find_report(known) if known else None

    def _parts(self, report: Report) -> Iterator[Report]:
        """Yield the report, and of an index those of its platforms."""
        yield report
        for entry in report.platforms:
            part = self.store.find_report(entry.report_id)
            if part is not None:
                yield part

    def _tags(self, transition: Transition) -> list[str | None]:
        """Return what the message is about, and then whatever else names the image by now."""
        tags = [push.image.tag for push in self.store.tags_of(transition.image)]
        return list(dict.fromkeys([transition.stream.tag or next(iter(tags), None), *tags]))


def _new_keys(transition: Transition, report: Report, before: Report | None) -> frozenset[str]:
    if transition.kind is TransitionKind.NEWLY_UNHEALTHY:
        return keys_of(report)
    if transition.kind is TransitionKind.WORSE and before is not None:
        return keys_of(report) - keys_of(before)
    return frozenset()


def _by_urgency(subject: Subject, new: frozenset[str]) -> tuple[bool, int, bool, str]:
    """Order as a person would act: what is new, how bad it is, what can be fixed."""
    is_fixable = isinstance(subject, Finding) and subject.is_fixable
    key = key_of(subject)
    name = subject.vulnerability if isinstance(subject, Finding) else subject.id
    return key not in new, -subject.severity, not is_fixable, f"{name} {key}"


def _expiring(transition: Transition, parts: list[Report]) -> list[Decision]:
    if transition.kind is not TransitionKind.EXEMPTION_EXPIRING:
        return []
    decisions = {
        (one.exemption, key_of(one.subject)): one
        for part in parts
        for one in exempted(part.decisions)
        if one.due and one.due - AHEAD <= transition.at < one.due
    }
    return sorted(decisions.values(), key=lambda one: (str(one.due), one.exemption))
