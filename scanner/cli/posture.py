"""`pushscan posture`: how far registries are from their controls."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from scanner.cli.screen import Screen, complain, minute, print_json, progress, shown
from scanner.cli.surroundings import Surroundings, surroundings
from scanner.errors import PostureError, PushscanError, SettingsError
from scanner.posture import exemptions, files
from scanner.posture.assessment import RULES_BY_ID, Assessment, Finding, assess
from scanner.posture.assessment_json import write_assessment
from scanner.posture.exemptions import Exemption
from scanner.posture.ids import is_registry_id, is_subscription_id
from scanner.posture.page import accepted, ordered, page, summary, weight, word
from scanner.posture.rule import Severity
from scanner.posture.sarif import sarif
from scanner.posture.snapshot import Snapshot

EXIT_FOUND: Final = 1
EXIT_NOT_KNOWN: Final = 3
_STYLES: Final = {
    "fail": "bold red",
    "unknown": "bold yellow",
    "pass": "green",
    "exempt": "blue",
    "not-applicable": "dim",
}
_OUTCOME_WIDTH, _SEVERITY_WIDTH, _RULE_WIDTH = 16, 8, 8
_INDENT = _OUTCOME_WIDTH + _SEVERITY_WIDTH + _RULE_WIDTH
_MAX_EVIDENCE = 2_000


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    HTML = "html"


class FailOn(StrEnum):
    """From which severity on a finding makes the command fail."""

    INFO = "INFO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


def posture(  # noqa: PLR0913  each is an option of the command line
    context: typer.Context,
    registry: Annotated[
        str | None, typer.Argument(help="Name, login server or resource id.", show_default=False)
    ] = None,
    *,
    subscription: Annotated[
        str | None, typer.Option(metavar="ID", help="Every registry of this subscription.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="An ARM template, a what-if answer, `az acr show`..."),
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="What the weekly timer stored.")] = False,
    output: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
    fail_on: Annotated[FailOn, typer.Option(help="The least severity to fail on.")] = FailOn.MEDIUM,
    exemption_file: Annotated[
        Path | None, typer.Option("--exemptions", metavar="JSON", help="Findings accepted so far.")
    ] = None,
) -> None:
    """Say how far registries are from their controls, and what mends each.

    Exits with 1 when a finding at or above --fail-on is open, with 3 when none is but something
    could not be read, else with 0.
    """
    if sum(map(bool, (registry or subscription, file, last))) != 1:
        raise typer.BadParameter("name a registry, or give one of --subscription, --file, --last")
    around = surroundings(context)
    unread: list[str] = []
    try:
        known = _exemptions(exemption_file)
        if last:
            results = list(around.posture_archive().list_last())
        else:
            snapshots = _of_file(file) if file else _live(around, registry, subscription, unread)
            results = [assess(one, exemptions=known, now=around.now()) for one in snapshots]
    except PushscanError as error:
        complain(str(error))
        raise typer.Exit(EXIT_NOT_KNOWN) from error
    _PRINTERS[output](results)
    raise typer.Exit(_status(results, Severity[fail_on], are_all_read=not unread))


def _status(results: Sequence[Assessment], least: Severity, *, are_all_read: bool) -> int:
    if any(result.open_from(least) for result in results):
        return EXIT_FOUND
    is_known = (
        bool(results) and are_all_read and not any(result.unknown_from(least) for result in results)
    )
    return 0 if is_known else EXIT_NOT_KNOWN


def _exemptions(path: Path | None) -> tuple[Exemption, ...]:
    if path is None:
        return ()
    return exemptions.read_exemptions(_content(path, exemptions.MAX_BYTES), RULES_BY_ID)


def _of_file(path: Path) -> Sequence[Snapshot]:
    return files.read_file(_content(path, files.MAX_BYTES))


def _content(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than allowed is enough to know.
            return file.read(limit + 1)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def _live(
    around: Surroundings, wanted: str | None, subscription: str | None, unread: list[str]
) -> Iterator[Snapshot]:
    """Yield registries as they are; one that cannot be read is told, and noted in `unread`."""
    from scanner.posture import live  # noqa: PLC0415  an SSL stack that --file does not need

    if subscription and not is_subscription_id(subscription):
        raise PostureError("--subscription is no id of the form 01234567-89ab-...")
    with around.arm() as arm:
        with progress("looking for registries"):
            if wanted is None:
                identifiers = [found for found, _ in live.registry_ids(arm, subscription or "")]
            elif is_registry_id(wanted):
                identifiers = [wanted]
            else:
                identifiers = [live.find_registry(arm, wanted, subscription=subscription)]
        if not identifiers:
            raise PostureError("the subscription has no registry that you may read")
        for identifier in identifiers:
            try:
                with progress(f"reading {identifier.rpartition('/')[2]}"):
                    snapshot = live.read_registry(arm, identifier)
            except PostureError as error:
                complain(str(error))
                unread.append(identifier)
            else:
                yield snapshot


def _print_table(results: Sequence[Assessment]) -> None:
    screen = Screen()
    for result in results:
        screen.heading(f"{shown(result.registry)}: {summary(result)}")
        screen.line((_about(result), "dim"))
        for finding in ordered(result.findings):
            _print_finding(screen, finding)
    if not results:
        complain("nothing is stored yet")


def _about(result: Assessment) -> str:
    regions = ", ".join(filter(None, (result.location, *result.replicas)))
    caches = f"caches {', '.join(result.cache_sources)}" if result.cache_sources else ""
    parts = (f"sku {result.sku}", regions, caches, minute(result.assessed_at))
    return shown("; ".join(filter(None, parts)), _MAX_EVIDENCE)


def _print_finding(screen: Screen, finding: Finding) -> None:
    rule = RULES_BY_ID.get(finding.rule)
    kind = word(finding)
    columns = (
        f"{kind:<{_OUTCOME_WIDTH}}{weight(finding):<{_SEVERITY_WIDTH}}{shown(finding.rule):<8}"
    )
    control = rule.control if rule else "a rule of another version"
    label = (columns, _STYLES[kind])
    screen.line(f"{control}: {shown(finding.evidence, _MAX_EVIDENCE)}", label=label)
    if finding.exemption:
        screen.line((shown(accepted(finding)), "dim"), indent=_INDENT)
    elif finding.remedy:
        # Whole, so that it can be copied.
        remedy = shown(finding.remedy, _MAX_EVIDENCE)
        screen.line(f"{' ' * _INDENT}$ {remedy}", folds=False)


def _print_json(results: Sequence[Assessment]) -> None:
    print_json([write_assessment(result) for result in results])


def _print_sarif(results: Sequence[Assessment]) -> None:
    print_json(sarif(results))


def _print_html(results: Sequence[Assessment]) -> None:
    typer.echo(page(results), nl=False)


_PRINTERS: Final[dict[Format, Callable[[Sequence[Assessment]], None]]] = {
    Format.TABLE: _print_table,
    Format.JSON: _print_json,
    Format.SARIF: _print_sarif,
    Format.HTML: _print_html,
}
