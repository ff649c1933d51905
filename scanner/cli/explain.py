"""`pushscan explain --at`: what was known of an image at a moment, and what is different now."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from scanner.cli import image_name, past
from scanner.cli.found import print_some, print_weaknesses
from scanner.cli.grounds import (
    advisories_text,
    policy_text,
    print_grounds,
    say,
    scanner_text,
    verdict_parts,
)
from scanner.cli.screen import Part, Screen, minute, print_json, progress, shown
from scanner.cli.show import find_current, find_report
from scanner.cli.surroundings import surroundings
from scanner.errors import PushscanError, StoreError
from scanner.model import ImageReference, Report
from scanner.ports import ReportStore
from scanner.storage.moments import to_text
from scanner.store.evidence_json import write_advisories, write_scanner
from scanner.store.policy_json import write_policy
from scanner.store.verdict_json import write_verdict

_MOST_FINDINGS = 10
_MOST_NAMES = 3
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]
_FORMATS += ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"]


def explain(
    context: typer.Context,
    image: Annotated[
        str, typer.Argument(help="registry/repository:tag or registry/repository@sha256:...")
    ],
    *,
    at: Annotated[
        datetime,
        typer.Option(metavar="DATE", formats=_FORMATS, help="The moment; in UTC without a zone."),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Explain what was known of an image at a moment, on what grounds, and what has changed since.

    A tag means the image that has it now; name the digest for another that had it then.
    """
    around = surroundings(context)
    moment = at if at.tzinfo else at.replace(tzinfo=UTC)
    with progress("reading the reports"):
        store = around.report_store()
        named = image_name.find(image, store)
        current = find_current(named, store)
        now = replace(find_report(current, store), as_of=current.as_of)
        then = _known(store, named, moment)
    if json:
        print_json({"at": to_text(moment), "then": _document(then), "now": _document(now)})
    else:
        _print(Screen(), named, then, now, at=moment)


def _known(store: ReportStore, image: ImageReference, moment: datetime) -> Report:
    """Return the report that was current, dated as the look that made it so."""
    history = list(store.history(image))
    then = past.known_at(history, moment)
    if then is None:
        first = f"; the first verdict is of {minute(history[-1].finished_at)}" if history else ""
        raise PushscanError(f"nothing was known of {image} on {minute(moment)}{first}")
    report = store.find_report(then.report_id)
    if report is None:
        raise StoreError(f"report {then.report_id} on {image} is gone: only its verdict is known")
    return replace(
        report,
        image=then.image,
        requested_at=then.requested_at,
        as_of=then.as_of,
        finished_at=then.finished_at,
    )


def _print(
    screen: Screen, image: ImageReference, then: Report, now: Report, *, at: datetime
) -> None:
    screen.line((image.name, "bold"), folds=False)
    if image.tag:
        screen.line((f"@{image.digest}", "dim"), indent=2, folds=False)
    screen.heading(f"Known on {minute(at)}")
    print_grounds(screen, then, at=at)
    verdict = then.verdict
    print_some(screen, "Findings that decided", verdict.violations, most=_MOST_FINDINGS)
    heading = "Secrets and settings that decided"
    print_weaknesses(screen, heading, verdict.weaknesses, most=_MOST_FINDINGS)
    screen.heading("What is different now")
    changes = _changes(then, now)
    if not changes:
        screen.line("Nothing.", indent=2)
    for label, parts in changes:
        say(screen, label, *parts)


def _changes(then: Report, now: Report) -> list[tuple[str, list[Part]]]:
    changes: list[tuple[str, list[Part]]] = []
    if str(then.verdict) != str(now.verdict) or then.verdict.rule != now.verdict.rule:
        changes.append(("verdict", verdict_parts(now)))
    before, after = (
        dict.fromkeys(f.vulnerability for f in (one.scan.findings if one.scan else ()))
        for one in (then, now)
    )
    for label, names in (
        ("gone", [name for name in before if name not in after]),
        ("new", [name for name in after if name not in before]),
    ):
        if names:
            changes.append((label, [_named(names)]))
    for label, was, text in (
        ("policy", _policy(then), _policy(now)),
        ("advisories", advisories_text(then), advisories_text(now)),
        ("scanner", scanner_text(then), scanner_text(now)),
    ):
        if was != text:
            changes.append((label, [text or "none"]))
    if then.id != now.id:
        changes.append(("judged", [f"as of {minute(now.as_of)}"]))
    return changes


def _policy(report: Report) -> str:
    """Name a policy so that two that differ read differently."""
    digests = [str(d) for d in (report.policy.digest, report.policy.exemptions) if d]
    return f"{policy_text(report.policy)} ({', '.join(digests)})"


def _named(names: list[str]) -> str:
    """Count vulnerabilities and name the first."""
    listed = ", ".join(shown(name, 60) for name in names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{listed}{more}"


def _document(report: Report) -> object:
    return {
        "report_id": report.id,
        "as_of": to_text(report.as_of),
        "requested_at": to_text(report.requested_at),
        "job_id": report.job_id,
        "tag": report.image.tag,
        "verdict": write_verdict(report.verdict),
        "policy": write_policy(report.policy),
        "scanner": write_scanner(report.scanner) if report.scanner else None,
        "advisories": write_advisories(report.advisories) if report.advisories else None,
    }
