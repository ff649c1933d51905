"""`pushscan advisories`: the advisory databases of this host."""

from typing import Annotated

import typer

from scanner import settings, trivy
from scanner.cli.screen import Screen, minute, print_json, progress, shown
from scanner.cli.surroundings import connect_shared_advisories
from scanner.errors import AdvisoriesError, SandboxUnavailableError, StoreError
from scanner.model import Advisories
from scanner.scanner_settings import ScannerSettings
from scanner.store.evidence_json import write_advisories
from scanner.trivy import AdvisoryDirectory

commands = typer.Typer(no_args_is_help=True, help="The advisory databases of this host.")


@commands.callback()
def advisories() -> None:
    """Keep `update` a command of its own: typer would fold a single one into the group."""


@commands.command()
def update(
    *,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Take what is published even if it is older.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fetch the published advisories, prove them on a canary image, and switch to them.

    Where the settings name storage, all workers follow; the settings must then be complete. Until
    then, and whenever anything fails, what is in place stays in place.
    """
    given = settings.load_scanner()
    with progress("fetching and proving the published advisories"):
        try:
            fetched = _fetch(given, allow_older=allow_older)
        except (AdvisoriesError, SandboxUnavailableError, StoreError) as error:
            in_place = _in_place(AdvisoryDirectory(given.advisories))
            raise type(error)(f"{error}; {in_place}") from error
    if json:
        print_json(write_advisories(fetched))
    else:
        Screen().line(("updated", "bold green"), f"  {_described(fetched)}")


def _fetch(given: ScannerSettings, *, allow_older: bool) -> Advisories:
    if not given.names_storage:
        return trivy.update(
            AdvisoryDirectory(given.advisories),
            trivy=given.trivy,
            sandbox=given.sandbox,
            bubblewrap=given.bubblewrap,
            sources=given.advisory_updates.sources,
            allow_older=allow_older,
        )
    fetched = connect_shared_advisories(settings.load()).update(allow_older=allow_older)
    if fetched is None:
        raise AdvisoriesError("a worker is updating them right now: `pushscan doctor` says more")
    return fetched


def _in_place(directory: AdvisoryDirectory) -> str:
    try:
        current, _ = directory.current()
    except AdvisoriesError:
        return "nothing usable is in place, so no image can be judged"
    return f"still in place: {_described(current)}"


def _described(advisories: Advisories) -> str:
    warning = " (SAMPLE: knows the sample images only)" if advisories.is_sample else ""
    return f"{shown(advisories.source)} of {minute(advisories.updated_at)}{warning}"
