"""`pushscan list`: what is said of every image now."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, groupby, islice
from typing import Annotated

import typer

from scanner.cli.screen import VERDICT_STYLES, Screen, age, complain, json_text, progress, shown
from scanner.cli.surroundings import surroundings
from scanner.model import Status
from scanner.ports import CurrentVerdict
from scanner.storage.moments import to_text

_VERDICT_WIDTH = 15
_FINDINGS_WIDTH = 20
_AGE_WIDTH = 7
_SHORT_DIGEST = 12
"""Hex digits, as other tools cut them."""
_COUNT = re.compile(r"([A-Z])[A-Z]*=([1-9][0-9]*)")


def list_images(
    context: typer.Context,
    *,
    verdict: Annotated[Status | None, typer.Option(help="Only images with this verdict.")] = None,
    repository: Annotated[
        str | None,
        typer.Option(metavar="GLOB", help="Only these repositories; * also matches slashes."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the current verdicts by registry, repository and tag.

    The images of an index stand below it. On a terminal digests are cut short; in a pipe and with
    --json they are whole.
    """
    around = surroundings(context)
    with progress("reading the verdicts"):
        rows = _begun(around.report_store().list_current(status=verdict, repository=repository))
    if json:
        _print_array(rows)
    else:
        print_table(Screen(), rows, now=around.now())


def _begun(rows: Iterable[CurrentVerdict]) -> Iterator[CurrentVerdict]:
    """Wait for the first row; from then on the lines that appear are the progress."""
    remaining = iter(rows)
    return chain(list(islice(remaining, 1)), remaining)


def print_table(screen: Screen, rows: Iterable[CurrentVerdict], *, now: datetime) -> None:
    """Print verdicts as they come, one repository held at a time."""
    is_first = True
    for row in _ordered(rows):
        if is_first:
            is_first = False
            screen.line((_columns("VERDICT", "FINDINGS", "AGE") + "IMAGE", "bold"))
        columns = _columns(row.status, _findings(row), age(row.as_of, now))
        screen.line(
            (columns[:_VERDICT_WIDTH], VERDICT_STYLES[row.status]),
            columns[_VERDICT_WIDTH:],
            _name(row, is_short=screen.is_terminal),
            folds=False,
        )
    if is_first:
        complain("no verdict matches")


def _columns(verdict: str, findings: str, age: str) -> str:
    return f"{verdict:<{_VERDICT_WIDTH}}{findings:<{_FINDINGS_WIDTH}}{age:<{_AGE_WIDTH}}"


def _ordered(rows: Iterable[CurrentVerdict]) -> Iterator[CurrentVerdict]:
    """Order each repository by tag, untagged last; what is part of an index follows it."""
    for _, group in groupby(rows, key=lambda row: (row.image.registry, row.image.repository)):
        verdicts = list(group)
        by_digest = {row.image.digest: row for row in verdicts}
        # The heads of the places are never equal for two indexes, so children stay together.
        places = {row.image.digest: _place(row) for row in verdicts}
        for row in verdicts:
            if row.part_of in by_digest:
                places[row.image.digest] = (*_place(by_digest[row.part_of]), row.platform)
        yield from sorted(verdicts, key=lambda row: (places[row.image.digest], row.image.digest))


def _place(row: CurrentVerdict) -> tuple[str | bool, ...]:
    return row.image.tag is None, row.image.tag or "", str(row.image.digest)


def _findings(row: CurrentVerdict) -> str:
    """Say what was found, as `1C 2H`, or why nothing can be said."""
    if row.reason:
        return shown(row.reason, _FINDINGS_WIDTH)
    if not row.platform:
        # An index: its platforms' rows have the counts.
        return ""
    return " ".join(f"{count}{letter}" for letter, count in _COUNT.findall(row.counts)) or "none"


def _name(row: CurrentVerdict, *, is_short: bool) -> str:
    platform = shown(row.platform, 40)
    if row.part_of is None:
        untagged = " (untagged)" if row.is_untagged else ""
        return _digest_cut(row.image.name, is_short=is_short) + untagged
    if is_short:
        return f"└ {platform} {_digest_cut(f'@{row.image.digest}', is_short=True)}"
    return f"{row.image.name} ({platform}, part of {row.part_of})"


def _digest_cut(name: str, *, is_short: bool) -> str:
    before, at, hexadecimal = name.partition("@sha256:")
    return f"{before}@{hexadecimal[:_SHORT_DIGEST]}…" if at and is_short else name


def _print_array(rows: Iterable[CurrentVerdict]) -> None:
    """Print one entry a line, as they come; an array that was cut off is no JSON."""
    opening = "["
    for row in rows:
        typer.echo(opening)
        typer.echo(json_text(_entry(row), indent=None), nl=False)
        opening = ","
    typer.echo("[]" if opening == "[" else "\n]")


def _entry(row: CurrentVerdict) -> dict[str, str | bool | None]:
    return {
        "registry": row.image.registry,
        "repository": row.image.repository,
        "digest": str(row.image.digest),
        "tag": row.image.tag,
        "untagged": row.is_untagged,
        "status": row.status.value,
        "reason": row.reason or None,
        "rule": row.rule,
        "explanation": row.explanation,
        "counts": row.counts or None,
        "platform": row.platform or None,
        "part_of": str(row.part_of) if row.part_of else None,
        "as_of": to_text(row.as_of),
        "report_id": row.report_id,
    }
