"""`pushscan notify`: where notices go."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from scanner import settings, wiring
from scanner.cli.screen import Screen, print_json, progress, shown
from scanner.errors import NoticeError, SettingsError
from scanner.notify.channels.sample import sample
from scanner.storage import StorageConnection
from scanner.wiring.routes import route_table

commands = typer.Typer(no_args_is_help=True, help="Where notices go.")


@commands.callback()
def notify() -> None:
    """Keep `test` a command of its own: typer would fold a single one into the group."""


@commands.command("test")
def send_sample(
    name: Annotated[str, typer.Argument(metavar="ROUTE", help="A route of the settings.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Send a sample to a route at once, whatever its hours, and say what was answered.

    It is on an image that does not exist and says that it is a test.
    """
    table = route_table(settings.load_notices(), _storage)
    route = table.find(name)
    if route is None:
        known = ", ".join(one.name for one in table.routes) or "none"
        raise SettingsError(f"no route is named {shown(name)}; there are: {known}")
    told = sample(datetime.now(UTC))
    try:
        with progress(f"sending to {route.name}"):
            answer = route.open_channel().send(told)
    except NoticeError as error:
        if error.retry_after is None:
            raise
        raise NoticeError(
            f"{error}; asks to be tried again after {error.retry_after:.0f} s",
            retry_after=error.retry_after,
        ) from error
    if json:
        print_json({"route": route.name, "id": told.id, "answer": answer})
    else:
        Screen().line(("sent", "bold green"), f"  {route.name} answered {answer}", folds=False)


def _storage() -> StorageConnection:
    return wiring.storage_connection(settings.load_storage())
