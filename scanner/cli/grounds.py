"""What a report rests on, as `verify` and `explain` tell it."""

from datetime import datetime

from scanner.cli.screen import VERDICT_STYLES, Part, Screen, age, minute, shown
from scanner.model import AppliedPolicy, Digest, Report

_LABEL_WIDTH = 12


def print_grounds(screen: Screen, report: Report, *, at: datetime) -> None:
    """Print the verdict and each of its inputs; the age of the advisories is that at a moment."""
    verdict = report.verdict
    say(screen, "verdict", *verdict_parts(report))
    say(screen, "rule", shown(verdict.rule))
    say(screen, "policy", policy_text(report.policy))
    say_digest(screen, report.policy.digest)
    if report.policy.exemptions:
        say(screen, "exemptions", "in the form that was kept")
        say_digest(screen, report.policy.exemptions)
    if advisories := report.advisories:
        aged = f", {age(advisories.updated_at, at)} old then"
        say(screen, "advisories", f"{advisories_text(report)}{aged}")
        say_digest(screen, advisories.digest)
    if scanner := report.scanner:
        say(screen, "scanner", f"{scanner_text(report)} in {shown(scanner.isolation)}")
        say_digest(screen, scanner.digest)
    say(screen, "judged", f"as of {minute(report.as_of)}")
    tag = f", as {report.image.tag}" if report.image.tag else ""
    say(screen, "asked for", f"{minute(report.requested_at)}{tag}, job {shown(report.job_id)}")
    screen.line(shown(report.id), label=f"{'report':<{_LABEL_WIDTH}}", indent=2, folds=False)


def verdict_parts(report: Report) -> list[Part]:
    """Write a verdict and its explanation."""
    verdict = report.verdict
    reason = f" ({verdict.reason})" if verdict.reason else ""
    name = f"{verdict.status.upper()}{reason}"
    return [(name, VERDICT_STYLES[verdict.status]), f"  {shown(verdict.explanation, 1000)}"]


def policy_text(policy: AppliedPolicy) -> str:
    """Name a policy, and what else decided beside it."""
    beside = [
        *(["exemptions"] if policy.exemptions else []),
        *(f"{table.name} of {table.published_at:%Y-%m-%d}" for table in policy.exploits),
        *([f"tag {shown(policy.tag, 60)}"] if policy.tag else []),
    ]
    added = f" with {', '.join(beside)}" if beside else ""
    return f"{shown(policy.name)}{added}"


def advisories_text(report: Report) -> str:
    """Name a report's advisories by source and date."""
    advisories = report.advisories
    return f"{shown(advisories.source)} of {minute(advisories.updated_at)}" if advisories else ""


def scanner_text(report: Report) -> str:
    """Name a report's scanner by version."""
    return f"{report.scanner.name} {shown(report.scanner.version)}" if report.scanner else ""


def say(screen: Screen, label: str, *parts: Part) -> None:
    """Print one line of grounds under its label."""
    screen.line(*parts, label=f"{label:<{_LABEL_WIDTH}}", indent=2)


def say_digest(screen: Screen, digest: Digest) -> None:
    """Print what people copy; it is never folded."""
    screen.line((str(digest), "dim"), indent=4, folds=False)
