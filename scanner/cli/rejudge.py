"""`pushscan rejudge`: have stored images judged again, without a pull."""

from typing import Annotated

import typer

from scanner.cli import image_name
from scanner.cli.screen import Screen, print_json, progress
from scanner.cli.surroundings import surroundings


def rejudge(
    context: typer.Context,
    image: Annotated[
        str | None,
        typer.Argument(help="registry/repository:tag or registry/repository@sha256:..."),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All stored images.")] = False,
    allow_older: Annotated[
        bool,
        typer.Option("--allow-older", help="Also where a verdict rests on newer advisories."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Queue stored images to be judged again by current advisories and policy.

    A worker does it in its own time, from what is kept of the images; the registry is not asked.
    An image that was judged by them already stays as it is; one that was judged by newer ones too,
    but with --allow-older, after an operator went back to older advisories on purpose.
    """
    if (image is None) != everything:
        raise typer.BadParameter("name one image, or say --all")
    around = surroundings(context)
    with progress("queueing"):
        if image is None:
            queued = {"sweep": around.sweeper().begin_full(may_be_older=allow_older).id}
        else:
            named = image_name.find(image, around.report_store())
            around.sweeper().judge_one(named, may_be_older=allow_older)
            queued = {"image": str(named)}
    if json:
        print_json(queued)
    else:
        [(kind, name)] = queued.items()
        Screen().line(("queued", "bold green"), f"  {kind} {name}", folds=False)
