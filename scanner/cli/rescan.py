"""`pushscan rescan`: another look at what was judged before."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, dropwhile, islice
from typing import Annotated

import typer

from scanner.cli import image_name
from scanner.cli.screen import complain, note, print_json, progress
from scanner.cli.surroundings import Surroundings, surroundings
from scanner.errors import InvalidMessageError, PushscanError, RegistryNotOursError
from scanner.model import Digest, ImageReference, NotApplicableReason, Status, UnknownReason
from scanner.ports import ReportStore
from scanner.recently_pulled import recently_pulled
from scanner.reprocess import (
    DEFAULT_PER_SECOND,
    MAX_DAYS,
    MAX_PER_SECOND,
    Pace,
    Selection,
    queue_again,
)

_REASONS = frozenset(chain(UnknownReason, NotApplicableReason))
_TELL_EVERY = 500


def rescan(  # noqa: PLR0913  one parameter an option of the command
    context: typer.Context,
    images: Annotated[
        list[str] | None, typer.Argument(metavar="IMAGE...", help="REGISTRY/REPO@DIGEST or :TAG.")
    ] = None,
    *,
    repository: Annotated[
        str | None,
        typer.Option(metavar="GLOB", help="These repositories; * also matches slashes."),
    ] = None,
    verdict: Annotated[Status | None, typer.Option(help="Images with this verdict.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Unknown or not-applicable for this reason.")
    ] = None,
    not_judged_since: Annotated[
        datetime | None,
        typer.Option(metavar="DATE", help="Last judged before this moment, in UTC."),
    ] = None,
    pulled_within: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_DAYS, metavar="DAYS", help="Pulled within so many days."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    per_second: Annotated[
        int, typer.Option(min=1, max=MAX_PER_SECOND, help="Queue so many jobs a second at most.")
    ] = DEFAULT_PER_SECOND,
    resume_after: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Go on behind this image, where a run was interrupted."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Queue another look at images that were judged before.

    By name, or by conditions that must all be met; `--repository '*'` is everything. A worker
    then pulls and scans each again, even if its verdict still stands.
    """
    if reason is not None and reason not in _REASONS:
        raise typer.BadParameter(f"no verdict has the reason {reason}", param_hint="--reason")
    around = surroundings(context)
    selection = Selection(
        repository=repository,
        status=verdict,
        reason=reason,
        not_judged_since=not_judged_since and not_judged_since.replace(tzinfo=UTC),
        pulled=_pulled(pulled_within, around) if pulled_within is not None else None,
    )
    if bool(images) != selection.is_empty:
        raise typer.BadParameter("name images, or give a condition: --repository '*' is everything")
    store = around.operations().store
    chosen = (
        _named(images, around, store, resume_after)
        if images
        else selection.images(store, after=_key(resume_after) if resume_after else None)
    )
    if dry_run:
        with progress("counting"):
            _tell(sum(1 for _ in chosen), json=json, is_dry=True)
        return
    pace = Pace(per_second=per_second, monotonic=around.monotonic, sleep=around.sleep)
    _queue(pace.over(chosen), around, json=json)


def _pulled(days: int, around: Surroundings) -> frozenset[str]:
    with progress("asking who pulled what"):
        return recently_pulled(
            around.pulls(),
            timedelta(days=days),
            store=around.operations().store,
            registries=around.registries(),
        )


def _named(
    names: list[str], around: Surroundings, store: ReportStore, resume_after: str | None
) -> Iterable[ImageReference]:
    found = [image_name.find(name, store) for name in names]
    ours = around.registries()
    for image in found:
        try:
            ours.find(image.registry)
        except RegistryNotOursError as error:
            raise PushscanError(f"{image.registry} is not one of PUSHSCAN_REGISTRIES") from error
    if resume_after is None:
        return found
    return islice(dropwhile(lambda image: str(image) != resume_after, found), 1, None)


def _key(text: str) -> ImageReference:
    name, _, digest = text.partition("@")
    registry, _, repository = name.partition("/")
    try:
        return ImageReference(registry=registry, repository=repository, digest=Digest(digest))
    except InvalidMessageError as error:
        raise typer.BadParameter(str(error), param_hint="--resume-after") from error


def _queue(images: Iterator[ImageReference], around: Surroundings, *, json: bool) -> None:
    queued, last = 0, None
    try:
        with progress("queueing jobs"):
            for last in queue_again(images, around.operations().jobs, now=around.now()):
                queued += 1
                if queued % _TELL_EVERY == 0:
                    note(f"{queued} queued, up to {last}")
    except (KeyboardInterrupt, PushscanError):
        if last is not None:
            complain(f"stopped after {queued}; go on with --resume-after {last}")
        raise
    _tell(queued, json=json, is_dry=False)


def _tell(count: int, *, json: bool, is_dry: bool) -> None:
    if json:
        print_json({"would_queue": count} if is_dry else {"queued": count})
        return
    images = "1 image" if count == 1 else f"{count} images"
    typer.echo(f"{images} would be queued" if is_dry else f"{images} queued")
