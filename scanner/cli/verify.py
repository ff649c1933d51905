"""`pushscan verify`: does a report say what its inputs say?"""

import re
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.found import print_some
from scanner.cli.grounds import print_grounds, say, say_digest
from scanner.cli.screen import Screen, complain, print_json, progress, shown
from scanner.cli.surroundings import Surroundings, surroundings
from scanner.errors import PushscanError, VerificationError
from scanner.model import Report
from scanner.store import report_json
from scanner.store.comparison import Comparison, compare
from scanner.store.verdict_json import write_finding

_REPORT_ID = re.compile(r"[0-9a-f]{64}")
_MOST_FINDINGS = 10
_SAYS_WIDTH = 8
_DIFFERS, _CANNOT = 1, 2


def verify(
    context: typer.Context,
    report: Annotated[
        str, typer.Argument(help="Id of a stored report, or a file with the JSON of one.")
    ],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Examine again what a report is about, and compare.

    With the same scanner, the same advisory database and the report's policy, as of the report's
    time. Layers that are known are not pulled. Nothing is stored but what new layers hold, and
    nobody is told.

    Exit status 0: equal; 1: it differs; 2: it cannot be done.
    """
    around = surroundings(context)
    try:
        with progress("examining again"):
            stored = _read(report, around)
            comparison = compare(stored, around.verifier().examine_again(stored))
    except PushscanError as error:
        complain(f"cannot verify: {error}")
        raise typer.Exit(_CANNOT) from error
    if json:
        print_json(_document(stored, comparison))
    else:
        _print(Screen(), stored, comparison)
    if not comparison.is_equal:
        raise typer.Exit(_DIFFERS)


def _read(name: str, around: Surroundings) -> Report:
    if not _REPORT_ID.fullmatch(name):
        return _read_file(Path(name))
    report = around.report_store().find_report(name)
    if report is None:
        raise VerificationError(f"no report {name} is stored")
    if report.id != name:
        raise VerificationError(f"what is stored as report {name} calls itself {report.id}")
    return report


def _read_file(path: Path) -> Report:
    try:
        with path.open("rb") as file:
            untrusted_document = file.read(report_json.MAX_REPORT_BYTES + 1)
    except OSError as error:
        raise VerificationError(
            f"{path} is neither the id of a report (64 hex digits) nor a file: {error.strerror}"
        ) from error
    if len(untrusted_document) > report_json.MAX_REPORT_BYTES:
        raise VerificationError(f"{path} is larger than {report_json.MAX_REPORT_BYTES} bytes")
    return report_json.decode(untrusted_document)


def _print(screen: Screen, stored: Report, comparison: Comparison) -> None:
    outcome = ("EQUAL", "bold green") if comparison.is_equal else ("DIFFERS", "bold red")
    screen.line(outcome, f"  {stored.image.name}", folds=False)
    if stored.image.tag:
        screen.line((f"@{stored.image.digest}", "dim"), indent=2, folds=False)
    screen.line()
    print_grounds(screen, stored, at=stored.as_of)
    say(screen, "evidence", "of the stored report, as canonical JSON")
    say_digest(screen, comparison.stored)
    if comparison.again != comparison.stored:
        say(screen, "", "of the second examination")
        say_digest(screen, comparison.again)
    if comparison.differences:
        screen.heading("What differs")
    for difference in comparison.differences:
        screen.line(shown(difference.member), indent=2)
        for says, text in (("stored", difference.stored), ("again", difference.again)):
            screen.line(shown(text), label=f"{says:<{_SAYS_WIDTH}}", indent=4)
    for heading, findings in (
        ("Findings only in the stored report", comparison.only_stored),
        ("Findings only seen again", comparison.only_again),
    ):
        print_some(screen, heading, findings, most=_MOST_FINDINGS)


def _document(stored: Report, comparison: Comparison) -> object:
    return {
        "report_id": stored.id,
        "outcome": "equal" if comparison.is_equal else "differs",
        "evidence": {"stored": str(comparison.stored), "again": str(comparison.again)},
        "differences": [
            {"member": one.member, "stored": one.stored, "again": one.again}
            for one in comparison.differences
        ],
        "findings": {
            "only_stored": [write_finding(finding) for finding in comparison.only_stored],
            "only_again": [write_finding(finding) for finding in comparison.only_again],
        },
    }
