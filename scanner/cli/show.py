"""`pushscan show`: what is said of one image, why, and what would mend it."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

import msgspec
import typer

from scanner.cli import image_name, past
from scanner.cli.decided import print_decided
from scanner.cli.found import (
    SEVERITY_WIDTH,
    counted,
    in_order,
    print_finding,
    print_weaknesses,
)
from scanner.cli.grounds import policy_text
from scanner.cli.remedies import print_remedies
from scanner.cli.screen import (
    VERDICT_STYLES,
    Part,
    Screen,
    age,
    minute,
    print_json,
    progress,
    shown,
)
from scanner.cli.surroundings import surroundings
from scanner.errors import PushscanError, StoreError
from scanner.exports import exported
from scanner.model import ImageReference, PlatformVerdict, Report
from scanner.ports import Check, CurrentVerdict, ReportStore
from scanner.store import report_json

_TOP_FINDINGS = 10
_TOP_WARNINGS = 3
_LABEL_WIDTH = 12


def show(
    context: typer.Context,
    image: Annotated[
        str, typer.Argument(help="registry/repository:tag or registry/repository@sha256:...")
    ],
    *,
    history: Annotated[
        bool, typer.Option("--history", help="List every examination instead, the latest first.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as it is stored.")] = False,
) -> None:
    """Show the verdict on an image, why, and what would mend it.

    A tag means what it was last pushed with; the registry is not asked.
    """
    around = surroundings(context)
    with progress("reading the report"):
        store = around.report_store()
        named = image_name.find(image, store)
        current = find_current(named, store)
        report = find_report(current, store)
    if history:
        past.print_history(Screen(), store.history(current.image), json=json)
    elif json:
        print_json(_document(report))
    else:
        # A report has the tag of the push that it was written for; the image may have others.
        called = replace(report, image=named if named.tag else current.image)
        screen = Screen()
        print_report(screen, called, now=around.now(), against=current.against)
        print_remedies(screen, exported(report, store.find_report))
        _print_since(screen, current, store)


def find_current(image: ImageReference, store: ReportStore) -> CurrentVerdict:
    """Return the current verdict. Raises PushscanError where there never was one."""
    current = store.current(image)
    if current is None:
        raise PushscanError(f"{image} was never judged; `pushscan list` says what is known")
    return current


def find_report(current: CurrentVerdict, store: ReportStore) -> Report:
    """Return the current report. Raises StoreError where somebody deleted it."""
    report = store.find_report(current.report_id)
    if report is None:
        raise StoreError(f"the report on {current.image} is gone: push the image again")
    return report


def _print_since(screen: Screen, current: CurrentVerdict, store: ReportStore) -> None:
    """Say what has become of the image beside its verdict."""
    if current.is_untagged:
        screen.heading("Untagged")
        screen.line("Its tags name other images now.", indent=2)
    before = store.find_report(current.report_before) if current.report_before else None
    if before is not None:
        screen.heading("Before it was deleted")
        verdict = before.verdict
        screen.line(
            shown(verdict.explanation, 1000),
            label=(f"{verdict.status.upper()}  ", VERDICT_STYLES[verdict.status]),
            indent=2,
        )
        screen.line(f"judged {minute(before.as_of)}, report {before.id}", indent=2, folds=False)


def _document(report: Report) -> object:
    return msgspec.json.decode(report_json.encode(report))


def print_report(
    screen: Screen, report: Report, *, now: datetime, against: Check | None = None
) -> None:
    """Print a report for a person; everything that comes from image or advisory is escaped.

    Args:
        screen: Where to.
        report: What the image was judged by.
        now: Tells how long ago that was.
        against: What the verdict was held against since, and still stood.
    """
    verdict = report.verdict
    screen.line((report.image.name, "bold"), folds=False)
    if report.image.tag:
        screen.line((f"@{report.image.digest}", "dim"), indent=2, folds=False)
    screen.line()
    reason = f" ({verdict.reason})" if verdict.reason else ""
    screen.line(
        shown(verdict.explanation, 1000),
        label=(f"{verdict.status.upper()}{reason}  ", VERDICT_STYLES[verdict.status]),
    )
    screen.line()
    print_grounds(screen, report, now)
    if against and against.at > report.as_of:
        screen.line(
            f"{minute(against.at)}, against advisories of {minute(against.advisories_of)}",
            label=f"{'still so':<{_LABEL_WIDTH}}",
            indent=2,
        )
    if report.advisories and report.advisories.is_sample:
        screen.line()
        screen.line(
            "They know the sample images only and say nothing about any other image. ",
            "Run `pushscan advisories update`.",
            label=("SAMPLE ADVISORIES  ", "bold yellow"),
        )
    _print_platforms(screen, report.platforms)
    _print_findings(screen, report)
    if report.platforms:
        blocking = report.verdict.weaknesses
        print_weaknesses(screen, "Secrets and settings", blocking, most=_TOP_FINDINGS)
    elif not report.decisions:
        secrets = report.scan.weaknesses if report.scan else ()
        print_weaknesses(screen, "Secrets", secrets, most=_TOP_FINDINGS)
        settings = report.facts.weaknesses if report.facts else ()
        print_weaknesses(screen, "Settings", settings, most=_TOP_FINDINGS)


def print_grounds(screen: Screen, report: Report, now: datetime) -> None:
    """Print by what a report came about."""

    def say(label: str, *parts: Part) -> None:
        screen.line(*parts, label=f"{label:<{_LABEL_WIDTH}}", indent=2)

    say("rule", shown(report.verdict.rule))
    if counts := report.severity_counts():
        say("findings", *counted(counts))
    if scan := report.scan:
        system = scan.operating_system
        name = shown(f"{system.family} {system.name}") if system else "no operating system"
        on = f", {shown(str(report.platform))}" if report.platform else ""
        say("examined", f"{name}, {scan.package_count} packages{on}")
        for warning in scan.warnings[:_TOP_WARNINGS]:
            say("unreadable", shown(warning))
        if len(scan.warnings) > _TOP_WARNINGS:
            say("", f"and {len(scan.warnings) - _TOP_WARNINGS} more, see --json")
    if scanner := report.scanner:
        say("scanner", f"{scanner.name} {shown(scanner.version)} in {shown(scanner.isolation)}")
    if advisories := report.advisories:
        say("advisories", f"{shown(advisories.source)} of {minute(advisories.updated_at)}")
    say("policy", policy_text(report.policy))
    say("judged", f"{minute(report.as_of)}, {age(report.as_of, now)} ago")


def _print_platforms(screen: Screen, platforms: tuple[PlatformVerdict, ...]) -> None:
    if not platforms:
        return
    screen.heading("Platforms")
    names = [shown(str(platform.platform), 40) for platform in platforms]
    width = max(map(len, names))
    for name, platform in zip(names, platforms, strict=True):
        verdict = platform.verdict
        screen.line(
            f"{name:<{width}}  ",
            (f"{verdict.status:<14}", VERDICT_STYLES[verdict.status]),
            *(counted(platform.counts) if platform.counts else [shown(str(verdict.reason or ""))]),
            indent=2,
        )
        screen.line(f"{shown(verdict.explanation)}", indent=4)
        screen.line((f"@{platform.digest}", "dim"), indent=4, folds=False)


def _print_findings(screen: Screen, report: Report) -> None:
    if report.decisions:
        print_decided(screen, report, most=_TOP_FINDINGS)
        return
    findings = in_order(report.scan.findings if report.scan else report.verdict.violations)
    if not findings:
        return
    more = f", the worst {_TOP_FINDINGS} of {len(findings)}"
    screen.heading(f"Findings{more if len(findings) > _TOP_FINDINGS else ''}")
    for finding in findings[:_TOP_FINDINGS]:
        print_finding(screen, finding)
        for detail in filter(None, (finding.title, finding.url)):
            screen.line((shown(detail), "dim"), indent=2 + SEVERITY_WIDTH)
