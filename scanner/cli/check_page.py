"""The result of a check, for people and for programs."""

from datetime import datetime

import msgspec

from scanner.cli.found import print_some
from scanner.cli.remedies import print_remedies
from scanner.cli.screen import SEVERITY_STYLES, VERDICT_STYLES, Screen, shown
from scanner.cli.show import print_grounds
from scanner.exports import Exported
from scanner.exports.document import canonical
from scanner.exports.exported import PlatformReport, decisions
from scanner.model import Finding, Outcome, Report, Weakness
from scanner.store import report_json

_MOST_FINDINGS = 1_000
_MOST_WARNINGS = 20


def write_check(about: Exported) -> bytes:
    """Write one JSON object: the verdict, and the report on the image and on each platform."""
    reports = [one.report for one in about.platforms if one.report is not None]
    return canonical(
        {
            "schema": "pushscan.check/v1",
            "image": about.image.name,
            "verdict": about.report.verdict.status.value,
            "reason": str(about.report.verdict.reason or "") or None,
            "report": _document(about.report),
            "platforms": [_document(one) for one in reports] if about.report.platforms else [],
        }
    )


def _document(report: Report) -> object:
    return msgspec.json.decode(report_json.encode(report))


def print_check(screen: Screen, about: Exported, *, now: datetime) -> None:
    """Print the verdict, what blocks, and what to change; text of the image is escaped."""
    verdict = about.report.verdict
    screen.line((about.image.name, "bold"), folds=False)
    reason = f" ({verdict.reason})" if verdict.reason else ""
    screen.line(
        shown(verdict.explanation, 1000),
        label=(f"{verdict.status.upper()}{reason}  ", VERDICT_STYLES[verdict.status]),
    )
    if about.report.advisories and about.report.advisories.is_sample:
        screen.line(
            "They know the sample images only and say nothing about any other image.",
            label=("SAMPLE ADVISORIES  ", "bold yellow"),
        )
    for one in about.platforms:
        _print_platform(screen, one, is_alone=not about.report.platforms, now=now)
    print_remedies(screen, about)


def _print_platform(screen: Screen, one: PlatformReport, *, is_alone: bool, now: datetime) -> None:
    if not is_alone:
        verdict = one.verdict
        screen.heading(f"{shown(str(one.platform or one.digest), 100)}: {verdict}")
        screen.line(shown(verdict.explanation, 1000), indent=2)
    if one.report is None:
        return
    screen.line()
    print_grounds(screen, one.report, now)
    found = decisions(one.report)
    blocking = [one.subject for one in found if one.outcome is Outcome.BLOCKS]
    warning = [one.subject for one in found if one.outcome is Outcome.WARNS]
    accepted = sum(one.outcome is Outcome.ACCEPTED for one in found)
    for heading, subjects, most in (
        ("Blocks", blocking, _MOST_FINDINGS),
        ("Warns", warning, _MOST_WARNINGS),
    ):
        findings = [subject for subject in subjects if isinstance(subject, Finding)]
        weaknesses = [subject for subject in subjects if isinstance(subject, Weakness)]
        print_some(screen, heading, findings, most=most)
        _print_weaknesses(screen, "" if findings else heading, weaknesses)
    if accepted:
        screen.line()
        screen.line(f"{accepted} accepted by exemptions", indent=2)


def _print_weaknesses(screen: Screen, heading: str, weaknesses: list[Weakness]) -> None:
    if weaknesses and heading:
        screen.heading(heading)
    for weakness in weaknesses:
        place = f"  {shown(weakness.path)}:{weakness.line}" if weakness.path else ""
        label = (f"{weakness.severity.name:<10}", SEVERITY_STYLES[weakness.severity])
        screen.line(f"{shown(weakness.title)}{place}", label=label, indent=2)
