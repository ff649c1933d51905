"""What an export is about: one manifest, and what is known of each of its platforms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scanner.model import (
    Decision,
    Digest,
    Finding,
    ImageReference,
    Outcome,
    Platform,
    Report,
    Severity,
    Status,
    Subject,
    Verdict,
)

_BY_WEIGHT = (Outcome.BLOCKS, Outcome.WARNS, Outcome.INFORMS, Outcome.ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformReport:
    """One platform's image; its report is None where that could not be reached or read."""

    platform: Platform | None
    digest: Digest
    verdict: Verdict
    report: Report | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A manifest as it was judged. Of an index all platforms, of an image the one."""

    image: ImageReference
    report: Report
    platforms: tuple[PlatformReport, ...]

    @property
    def unexamined(self) -> tuple[PlatformReport, ...]:
        """Of which platforms nothing, or not everything, is known."""
        return tuple(
            one
            for one in self.platforms
            if one.report is None or one.verdict.status is Status.UNKNOWN
        )


def exported(report: Report, find_report: Callable[[str], Report | None]) -> Exported:
    """Put together what a report is about.

    Args:
        report: On an image, or on an index.
        find_report: Finds the report on one platform by its id. May raise StoreError.
    """
    alone = PlatformReport(
        platform=report.platform,
        digest=report.image.digest,
        verdict=report.verdict,
        report=report,
    )
    platforms = tuple(
        PlatformReport(
            platform=entry.platform,
            digest=entry.digest,
            verdict=entry.verdict,
            report=find_report(entry.report_id) if entry.report_id else None,
        )
        for entry in report.platforms
    )
    return Exported(image=report.image, report=report, platforms=platforms or (alone,))


def decisions(report: Report) -> tuple[Decision, ...]:
    """Return a decision on each subject: as it was taken, or as it follows from the verdict."""
    if report.decisions:
        return report.decisions
    verdict = report.verdict
    blocking: frozenset[Subject] = frozenset((*verdict.violations, *verdict.weaknesses))
    return tuple(
        _decision(subject, verdict.rule, blocks=subject in blocking) for subject in report.subjects
    )


def _decision(subject: Subject, rule: str, *, blocks: bool) -> Decision:
    outcome = Outcome.BLOCKS if blocks else Outcome.INFORMS
    return Decision(subject=subject, outcome=outcome, rule=rule if blocks else "")


def weightiest_first(found: Sequence[Decision]) -> list[Decision]:
    """Sort by what the policy makes of it, then by severity: a list that is cut keeps the worst."""
    return sorted(found, key=_order)


def _order(decision: Decision) -> tuple[int, int, tuple[str, ...]]:
    subject = decision.subject
    weight = _BY_WEIGHT.index(decision.outcome)
    if isinstance(subject, Finding):
        names = (subject.vulnerability, subject.package, subject.installed_version)
        places = (subject.target, subject.package_path, subject.layer_diff_id)
        return weight, -subject.severity, (*names, *places)
    return weight, -subject.severity, (subject.id, subject.path, f"{subject.line:012}")


def score_of(subject: Subject) -> float:
    """Return a number from 0 to 10 that says the same as the severity.

    The highest CVSS score that a source gives, if that is a score of this severity; the middle of
    the severity's range where sources and severity disagree.
    """
    least, most, middle = _SCORES[subject.severity]
    ratings = subject.ratings if isinstance(subject, Finding) else ()
    fitting = [r.score for r in ratings if r.score is not None and least <= r.score <= most]
    return max(fitting, default=middle)


# CVSS 3.1, 5: the qualitative scale; as GitHub reads `security-severity`, but for "none".
_SCORES = {
    Severity.CRITICAL: (9.0, 10.0, 9.5),
    Severity.HIGH: (7.0, 8.9, 8.0),
    Severity.MEDIUM: (4.0, 6.9, 5.5),
    Severity.LOW: (0.1, 3.9, 2.0),
    Severity.UNKNOWN: (0.0, 0.0, 0.0),
}
