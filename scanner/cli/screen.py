"""What people see: results on stdout, progress and complaints on stderr, hostile text harmless."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from scanner.model import Severity, Status
from scanner.text import unobeyed

VERDICT_STYLES: Final = {
    Status.HEALTHY: "bold green",
    Status.UNHEALTHY: "bold red",
    Status.UNKNOWN: "bold yellow",
    Status.NOT_APPLICABLE: "dim",
}
SEVERITY_STYLES: Final = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "",
    Severity.UNKNOWN: "dim",
}
_LEAST_WIDTH = 24
_HANG = 2

Part = str | tuple[str, str]
"""A piece of a line: text, or text and its style in rich's words."""


class Screen:
    """Standard output. On a terminal long lines are folded, in a pipe they stay whole."""

    def __init__(self) -> None:
        self._console = Console(markup=False, emoji=False, highlight=False)

    @property
    def is_terminal(self) -> bool:
        """Whether a person is looking, and not a program."""
        return self._console.is_terminal

    def line(self, *parts: Part, label: Part = "", indent: int = 0, folds: bool = True) -> None:
        """Print one line; where it is folded, what follows stands below the end of the label.

        A line that does not fold is left to the terminal, so that names in it can be copied.
        """
        head, body = Text(" " * indent) + Text.assemble(label), Text.assemble(*parts)
        if not (folds and self.is_terminal):
            self._console.print(head + body, soft_wrap=True)
            return
        margin = head.cell_len if label else indent + _HANG
        width = max(_LEAST_WIDTH, self._console.width - margin)
        for row in body.wrap(self._console, width, overflow="fold") or [Text()]:
            row.rstrip()
            self._console.print(head + row, soft_wrap=True)
            head = Text(" " * margin)

    def heading(self, text: str) -> None:
        """Print an empty line and a heading."""
        self.line()
        self.line((text, "bold"))


def shown(untrusted_text: str, limit: int = 200) -> str:
    """Make text from an image or an advisory fit for a terminal: escaped, and cut with `…`.

    Nothing is dropped: what would not show is written as an escape, so that a reader sees that
    somebody tried. Brackets stay what they are, because nothing here is read as markup.
    """
    text = unobeyed(untrusted_text, limit)
    return text if len(untrusted_text) <= limit else f"{text}…"


def json_text(document: object, *, indent: int | None = 2) -> str:
    """Write JSON in ASCII, because U+009B and U+202E are as good as escapes to a terminal.

    And without `##`: the log of a pipeline may be where it is printed, see `unobeyed`.
    """
    return json.dumps(document, indent=indent, ensure_ascii=True).replace("##", r"#\u0023")


def print_json(document: object) -> None:
    """Print one JSON document, and nothing else."""
    typer.echo(json_text(document))


def age(moment: datetime, now: datetime) -> str:
    """Say how long ago a moment was, in one unit: `3 h`; a moment to come is `0 s`."""
    seconds = max(timedelta(0), now - moment) // timedelta(seconds=1)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def minute(moment: datetime) -> str:
    """Write a moment as people read it, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def complain(message: str) -> None:
    """Print one line on stderr that says what went wrong."""
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    console.print(Text.assemble(("pushscan: ", "bold red"), shown(message, 4000)), soft_wrap=True)


def note(message: str) -> None:
    """Print one line on stderr that says how far it is."""
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    console.print(shown(message, 4000), soft_wrap=True)


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say on a terminal what is being waited for, and since when, until the block ends."""
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        yield
        return
    from rich.progress import (  # noqa: PLC0415  only who waits on a terminal pays for it
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as shown_progress:
        shown_progress.add_task(what, total=None)
        yield
