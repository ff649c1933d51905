"""The `pushscan` command.

Results go to stdout, progress and complaints to stderr. The exit status is 0 when all is done, 1
when something failed, is not there or differs, and 2 when the command itself was misused or, of
`verify`, when there is nothing to compare with. `check` has statuses of its own.
"""

import io
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from scanner import settings
from scanner.cli import advisories, env_file, notify, policy
from scanner.cli.check import check
from scanner.cli.doctor import doctor
from scanner.cli.explain import explain
from scanner.cli.export import export
from scanner.cli.listing import list_images
from scanner.cli.posture import posture
from scanner.cli.rejudge import rejudge
from scanner.cli.replay import replay
from scanner.cli.requeue import requeue
from scanner.cli.rescan import rescan
from scanner.cli.screen import complain
from scanner.cli.show import show
from scanner.cli.status import status
from scanner.cli.verify import verify
from scanner.errors import PushscanError, StoreError

__all__ = ["app"]


class _Commands(TyperGroup):
    """Ends what we know how to explain in one line instead of a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except PushscanError as error:
            more = "; `pushscan doctor` tells more" if isinstance(error, StoreError) else ""
            complain(f"{error}{more}")
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Verdicts on the images that were pushed to your registries.",
)
app.command("show")(show)
app.command("explain")(explain)
app.command("check")(check)
app.command("export")(export)
app.command("verify")(verify)
app.command("list")(list_images)
app.command("status")(status)
app.command("rescan")(rescan)
app.command("requeue")(requeue)
app.command("rejudge")(rejudge)
app.command("replay")(replay)
app.command("doctor")(doctor)
app.command("posture")(posture)
app.add_typer(advisories.commands, name="advisories")
app.add_typer(policy.commands, name="policy")
app.add_typer(notify.commands, name="notify")


@app.callback()
def pushscan(
    *,
    env_file_path: Annotated[
        Path | None,
        typer.Option(
            "--env-file",
            metavar="FILE",
            help="Read settings from KEY=value lines, e.g. .local/env; they count more than the "
            "variables that are set already.",
        ),
    ] = None,
) -> None:
    """Verdicts on the images that were pushed to your registries."""
    # Errors say what there is to say; the log of libraries is the app's affair.
    logging.getLogger().addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        # A package's name may not exist in the terminal's encoding.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if env_file_path is not None:
        # The file is named by hand for this very call, and its values belong together: the secret
        # of one place must not be sent to the URL of another.
        settings.adopt(env_file.read(env_file_path))
