"""`pushscan rejudge`: have stored images judged again, without a pull."""

from typing import Annotated

import typer

from scanner.cli import image_name
from scanner.cli.screen import Screen, print_json, progress
from scanner.cli.surroundings import surroundings
from scanner.rejudge_messages import RejudgeJob, encode_job


def rejudge(
    context: typer.Context,
    image: Annotated[
        str | None,
        typer.Argument(help="registry/repository:tag or registry/repository@sha256:..."),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All stored images.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Queue stored images to be judged again by current advisories and policy.

    A worker does it in its own time, from what is kept of the images; the registry is not asked.
    An image that was judged by them already stays as it is.
    """
    if (image is None) != everything:
        raise typer.BadParameter("name one image, or say --all")
    around = surroundings(context)
    with progress("queueing"):
        if image is None:
            queued = {"sweep": around.sweeper().begin_full().id}
        else:
            named = image_name.find(image, around.report_store())
            around.sweeper().send_job(encode_job(RejudgeJob(image=named, since=None)))
            queued = {"image": str(named)}
    if json:
        print_json(queued)
    else:
        [(kind, name)] = queued.items()
        Screen().line(("queued", "bold green"), f"  {kind} {name}", folds=False)
