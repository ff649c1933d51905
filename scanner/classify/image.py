"""The verdict on one image. Nothing is healthy by default: each rule has to be passed."""

from datetime import datetime

from scanner.classify.coverage import NO_DATABASE, advisory_gap, coverage_gap
from scanner.classify.order import worst_first
from scanner.model import (
    Advisories,
    Finding,
    NotApplicable,
    Policy,
    ScanReport,
    Status,
    Unexaminable,
    Verdict,
)


def classify(
    seen: ScanReport | Unexaminable | NotApplicable,
    *,
    advisories: Advisories | None,
    policy: Policy,
    as_of: datetime,
) -> Verdict:
    """Judge what was seen in one image.

    The rules in order: the manifest is an image; the examination came to its end; the advisories
    are fresh; no finding is over the threshold; everything in the image could be examined. A
    violation is a fact, so it outweighs a gap in coverage; stale advisories state no facts.
    """
    match seen:
        case NotApplicable():
            return Verdict(
                status=Status.NOT_APPLICABLE,
                reason=seen.reason,
                rule="is-an-image",
                explanation=f"No image, but of kind {seen.reason}"
                + (f" ({seen.detail})." if seen.detail else "."),
            )
        case Unexaminable():
            return _unknown(seen, rule="examination-complete")
        case ScanReport():
            return _judge(seen, advisories, policy, as_of)


def _judge(
    scan: ScanReport, advisories: Advisories | None, policy: Policy, as_of: datetime
) -> Verdict:
    if advisories is None:
        return _unknown(NO_DATABASE, rule="advisories-fresh")
    if gap := advisory_gap(advisories, policy, as_of):
        return _unknown(gap, rule="advisories-fresh")
    violations = _violations(scan, policy)
    if violations:
        worst = violations[0].severity.name
        return Verdict(
            status=Status.UNHEALTHY,
            rule="severity-threshold",
            explanation=(
                f"{_count(len(violations), 'finding')} at or above {policy.fail_on.name}"
                f"{' with a fix' if policy.ignore_unfixed else ''}, the worst {worst}."
            ),
            violations=violations,
        )
    if gap := coverage_gap(scan, advisories):
        return _unknown(gap, rule="examined-everything")
    return Verdict(
        status=Status.HEALTHY,
        rule="severity-threshold",
        explanation=(
            f"{_count(scan.package_count, 'package')} examined, none with a finding at or above "
            f"{policy.fail_on.name}{' that has a fix' if policy.ignore_unfixed else ''}."
        ),
    )


def _violations(scan: ScanReport, policy: Policy) -> tuple[Finding, ...]:
    return worst_first(
        finding
        for finding in scan.findings
        if finding.severity >= policy.fail_on and (finding.is_fixable or not policy.ignore_unfixed)
    )


def _unknown(gap: Unexaminable, *, rule: str) -> Verdict:
    return Verdict(status=Status.UNKNOWN, reason=gap.reason, rule=rule, explanation=gap.detail)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
