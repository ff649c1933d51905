"""`pushscan advisories`: the advisory databases of this host."""

from typing import Annotated

import typer

from scanner import settings, trivy
from scanner.cli.screen import Screen, minute, print_json, progress, shown
from scanner.errors import AdvisoriesError, SandboxUnavailableError
from scanner.model import Advisories
from scanner.store.evidence_json import write_advisories
from scanner.trivy import AdvisoryDirectory

commands = typer.Typer(no_args_is_help=True, help="The advisory databases of this host.")


@commands.callback()
def advisories() -> None:
    """Keep `update` a command of its own: typer would fold a single one into the group."""


@commands.command()
def update(
    *, json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Fetch the public advisories, prove them on a canary image, and switch to them.

    Until then, and whenever anything fails, what is in place stays in place.
    """
    given = settings.load_scanner()
    directory = AdvisoryDirectory(given.advisories)
    with progress("fetching and proving the public advisories"):
        try:
            fetched = trivy.update(
                directory, trivy=given.trivy, sandbox=given.sandbox, bubblewrap=given.bubblewrap
            )
        except (AdvisoriesError, SandboxUnavailableError) as error:
            raise type(error)(f"{error}; {_in_place(directory)}") from error
    if json:
        print_json(write_advisories(fetched))
    else:
        Screen().line(("updated", "bold green"), f"  {_described(fetched)}")


def _in_place(directory: AdvisoryDirectory) -> str:
    try:
        current, _ = directory.current()
    except AdvisoriesError:
        return "nothing usable is in place, so no image can be judged"
    return f"still in place: {_described(current)}"


def _described(advisories: Advisories) -> str:
    warning = " (SAMPLE: knows the sample images only)" if advisories.is_sample else ""
    return f"{shown(advisories.source)} of {minute(advisories.updated_at)}{warning}"
