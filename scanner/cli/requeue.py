"""`pushscan requeue`: jobs that came to nothing, and another chance for them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import typer

from scanner.cli.screen import Screen, age, complain, print_json, progress, shown
from scanner.cli.surroundings import surroundings
from scanner.storage.moments import to_text
from scanner.stuck import Stuck, StuckJobs

_KIND_WIDTH = 12
_AGE_WIDTH = 7


def requeue(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Queue these anew.")
    ] = None,
    *,
    poison: Annotated[
        bool, typer.Option("--poison", help="Jobs that were given up or could not be read.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Queue all of them anew.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List jobs that came to nothing, with the reasons; with ID... or --all queue them anew.

    Those are images that were given up after five tries, messages in the poison queue (the first
    32 are listed, --all takes every one), and messages that could not be read.
    """
    if not poison:
        raise typer.BadParameter("say which: --poison")
    if ids and everything:
        raise typer.BadParameter("give ids or --all, not both")
    around = surroundings(context)
    own = around.operations()
    stuck = StuckJobs(store=own.store, queue=own.jobs, poison=own.poison, unreadable=own.unreadable)
    if not (ids or everything):
        _list(stuck.look(), around.now(), json=json)
        return
    wanted = None if everything else frozenset(ids or ())
    if dry_run:
        found = [one for one in stuck.look() if one.can_be_queued]
        chosen = [one for one in found if wanted is None or one.id in wanted]
        _tell([one.id for one in chosen], json=json, is_dry=True)
        return
    done: list[str] = []
    try:
        with progress("queueing jobs"):
            for number in stuck.requeue(wanted, now=around.now()):
                done.append(number)  # noqa: PERF402  what was done is told, also after a fault
    finally:
        _tell(done, json=json, is_dry=False)
    if missing := sorted((wanted or frozenset()) - set(done)):
        complain(f"not queued, since not found or still unreadable: {', '.join(missing)}")
        raise typer.Exit(1)


def _list(found: Iterable[Stuck], now: datetime, *, json: bool) -> None:
    with progress("looking"):
        rows = list(found)
    if json:
        print_json([_entry(row) for row in rows])
        return
    screen = Screen()
    for row in rows:
        screen.line(
            f"{age(row.since, now):<{_AGE_WIDTH}}",
            f"{shown(row.what)}  ",
            shown(row.reason),
            "" if row.can_be_queued else " (cannot be queued as it is)",
            label=f"{row.kind:<{_KIND_WIDTH}}{row.id}  ",
            folds=False,
        )
    if not rows:
        complain("nothing is stuck")


def _entry(row: Stuck) -> dict[str, str | bool]:
    return {
        "id": row.id,
        "kind": row.kind.value,
        "what": row.what,
        "reason": row.reason,
        "since": to_text(row.since),
        "can_be_queued": row.can_be_queued,
    }


def _tell(ids: list[str], *, json: bool, is_dry: bool) -> None:
    if json:
        print_json({"would_queue" if is_dry else "queued": ids})
        return
    jobs = "1 job" if len(ids) == 1 else f"{len(ids)} jobs"
    typer.echo(f"{jobs} would be queued" if is_dry else f"{jobs} queued")
