"""A transition and the stored reports -> what is told of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scanner.blocking import blocking, exempted, key_of, keys_of
from scanner.errors import InvalidMessageError
from scanner.model import (
    Exemption,
    Exemptions,
    Finding,
    Report,
    Subject,
    Transition,
    TransitionKind,
)
from scanner.notify.announcement import Announcement, Expiring
from scanner.notify.report_link import NO_LINK, ReportLink
from scanner.policy import kept
from scanner.ports import ReportStore
from scanner.ports.policies import PolicyArchive
from scanner.transitions import AHEAD

TOP_FINDINGS = 5
TOP_REMEDIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """Finds out what there is to say when it is said: by then more tags may name the image."""

    store: ReportStore
    policies: PolicyArchive | None = None
    """Keeps the exemptions that reports were judged by; None: nobody knows whose they are."""
    link: ReportLink = NO_LINK

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
            expiring=tuple(self._expiring(transition, parts)),
            advisories=report.advisories.source if report.advisories else "",
            report_id=report.id,
            link=self.link.to(transition.image, report.id),
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

    def _expiring(self, transition: Transition, parts: list[Report]) -> list[Expiring]:
        if transition.kind is not TransitionKind.EXEMPTION_EXPIRING:
            return []
        found = {
            (one.exemption, key_of(one.subject)): one
            for part in parts
            for one in self._accepted(part)
            if one.ends - AHEAD <= transition.at < one.ends
        }
        return sorted(found.values(), key=lambda one: (one.ends, one.exemption))

    def _accepted(self, report: Report) -> Iterator[Expiring]:
        """Yield what exemptions let pass for a time."""
        due = [(one, one.due) for one in exempted(report.decisions) if one.due]
        written = self._exemptions(report) if due else {}
        for decision, ends in due:
            exemption = written.get(decision.exemption)
            yield Expiring(
                subject=decision.subject,
                exemption=decision.exemption,
                ends=ends,
                owner=exemption.owner if exemption else "",
                reason=exemption.reason if exemption else "",
            )

    def _exemptions(self, report: Report) -> Mapping[str, Exemption]:
        digest = report.policy.exemptions
        if self.policies is None or digest is None:
            return {}
        document = self.policies.find(digest)
        found = kept.decode(document) if document is not None else Exemptions()
        return {one.id: one for one in found.exemptions}

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
