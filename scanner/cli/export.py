"""`pushscan export`: what is said of an image, in the words of other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from scanner.cli import image_name
from scanner.cli.screen import progress
from scanner.cli.show import find_current, find_report
from scanner.cli.surroundings import Surroundings, surroundings
from scanner.errors import ExportError
from scanner.exports import defender, exported, sarif
from scanner.exports.document import canonical
from scanner.model import Report
from scanner.ports import ReportStore
from scanner.store import report_json


class Format(StrEnum):
    """What an export is written as."""

    SARIF = "sarif"
    CYCLONEDX = "cyclonedx"
    DEFENDER = "defender"
    JSON = "json"


def export(
    context: typer.Context,
    image: Annotated[
        str, typer.Argument(help="registry/repository:tag or registry/repository@sha256:...")
    ],
    *,
    form: Annotated[
        Format, typer.Option("--format", help="SARIF 2.1.0, CycloneDX 1.6, Defender's, or ours.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write to a file instead.")
    ] = None,
) -> None:
    """Write what is said of an image for other programs: equal verdicts give equal bytes.

    Of an index, SARIF and Defender's records hold all platforms; a bill of materials is of one:
    name its digest.
    """
    around = surroundings(context)
    with progress("reading the report"):
        store = around.report_store()
        named = image_name.find(image, store)
        report = find_report(find_current(named, store), store)
    content = _written(form, report, store, around) + b"\n"
    if output is None:
        typer.echo(content.decode("ascii"), nl=False)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise ExportError(f"{output} cannot be written: {error.strerror}") from error


def _written(form: Format, report: Report, store: ReportStore, around: Surroundings) -> bytes:
    match form:
        case Format.SARIF:
            return sarif(exported(report, store.find_report))
        case Format.DEFENDER:
            return defender(exported(report, store.find_report))
        case Format.CYCLONEDX:
            with progress("listing what the image is made of"):
                return around.bills().bill(report)
        case Format.JSON:
            return canonical(msgspec.json.decode(report_json.encode(report)))
