"""`POST /api/rescan`: what `pushscan rescan` does, for who has no access to storage."""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import chain
from typing import Any

import azure.functions as func

from function_app.intake import refusal
from scanner import naming
from scanner.errors import (
    InvalidMessageError,
    PullsUnknownError,
    RegistryNotOursError,
    StoreError,
)
from scanner.model import (
    Digest,
    ImageReference,
    NotApplicableReason,
    Registries,
    Status,
    UnknownReason,
)
from scanner.ports import JobQueue, Pulls, ReportStore
from scanner.recently_pulled import recently_pulled
from scanner.reprocess import (
    DEFAULT_PER_SECOND,
    MAX_DAYS,
    MAX_PER_SECOND,
    Pace,
    Selection,
    queue_again,
)
from scanner.strict_json import parse_object, parse_time
from scanner.wiring import Wiring

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
MAX_IMAGES = 500
BUDGET_SECONDS = 120.0
"""Azure's load balancer ends a request after 230 s; what is left is told by `resume_after`."""
_RETRY_AFTER_SECONDS = 30
_REASONS = frozenset(map(str, chain(UnknownReason, NotApplicableReason)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for, checked."""

    names: tuple[str, ...]
    selection: Selection
    """But for what was pulled: that is asked when the order is carried out."""
    pulled_within: timedelta | None
    is_dry_run: bool
    per_second: int
    resume_after: ImageReference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an order is carried out with."""

    store: ReportStore
    queue: JobQueue
    registries: Registries
    pulls: Callable[[], Pulls | None]
    """Returns who knows of pulls, if anybody does."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the one HTTP function."""
    functions = func.Blueprint()

    @functions.function_name("rescan_images")
    @functions.route(
        "rescan",
        trigger_arg_name="request",
        methods=[func.HttpMethod.POST],
        auth_level=func.AuthLevel.ANONYMOUS,
    )
    def rescan_images(request: func.HttpRequest) -> func.HttpResponse:
        def around() -> Surroundings:
            return Surroundings(
                store=wiring.store,
                queue=wiring.job_queue,
                registries=wiring.settings.registries,
                pulls=wiring.pulls,
            )

        return receive(request, wiring.settings.admin_secrets, around)

    return functions


def receive(
    request: func.HttpRequest,
    secrets: tuple[str, ...],
    around: Callable[[], Surroundings],
) -> func.HttpResponse:
    """Answer one request.

    202 `{"queued": n}`, with `resume_after` where the time was up before the end; 200
    `{"would_queue": n}` for a dry run; 400 and the field for what is no order, 401 without a
    secret of PUSHSCAN_ADMIN_SECRETS, 403 for a registry not ours, 409 where nobody can say what was
    pulled, 413, 415, and 503 with Retry-After when storage is out of reach.
    """
    if refused := refusal(request, secrets, max_bytes=MAX_BODY_BYTES):
        return _refuse(*refused)
    try:
        return _carry_out(parse_order(request.get_body()), around())
    except InvalidMessageError as error:
        return _refuse(HTTPStatus.BAD_REQUEST, str(error))
    except RegistryNotOursError:
        return _refuse(HTTPStatus.FORBIDDEN, "images: a registry is not ours")
    except PullsUnknownError as error:
        logger.warning("rescan.pulls_unknown why=%s", error)
        return _refuse(HTTPStatus.CONFLICT, f"pulled_within_days: {error}")
    except StoreError:
        logger.exception("rescan.not_queued")
        return _refuse(HTTPStatus.SERVICE_UNAVAILABLE, "storage is out of reach")


def parse_order(untrusted_body: bytes) -> Order:
    """Read what was asked for. Raises InvalidMessageError, which names the field."""
    members = parse_object(untrusted_body, max_bytes=MAX_BODY_BYTES)
    known = {"images", "repository", "verdict", "reason", "not_judged_since"}
    known |= {"pulled_within_days", "dry_run", "per_second", "resume_after"}
    if stranger := next(iter(sorted(members.keys() - known)), None):
        raise InvalidMessageError("is not known", field=ascii(stranger[:50])[1:-1])
    names, selection, days = _names(members), _selection(members), _days(members)
    if bool(names) != (selection.is_empty and days is None):
        raise InvalidMessageError(
            "name images, or give a condition: `*` is every repository", field="images"
        )
    resume_after = _text(members, "resume_after")
    return Order(
        names=names,
        selection=selection,
        pulled_within=timedelta(days=days) if days is not None else None,
        is_dry_run=_boolean(members, "dry_run"),
        per_second=_per_second(members),
        resume_after=_key(resume_after) if resume_after else None,
    )


def _carry_out(order: Order, around: Surroundings) -> func.HttpResponse:
    images = (
        _named(order, around)
        if order.names
        else _selected(order, around).images(around.store, after=order.resume_after)
    )
    if order.is_dry_run:
        return _answer(HTTPStatus.OK, {"would_queue": sum(1 for _ in images)})
    pace = Pace(per_second=order.per_second, monotonic=around.monotonic, sleep=around.sleep)
    ends_at = around.monotonic() + BUDGET_SECONDS
    queued = 0
    for image in queue_again(pace.over(images), around.queue, now=datetime.now(UTC)):
        queued += 1
        if around.monotonic() >= ends_at:
            return _answer(HTTPStatus.ACCEPTED, {"queued": queued, "resume_after": str(image)})
    logger.info("rescan.queued images=%d", queued)
    return _answer(HTTPStatus.ACCEPTED, {"queued": queued})


def _selected(order: Order, around: Surroundings) -> Selection:
    if order.pulled_within is None:
        return order.selection
    pulled = recently_pulled(
        around.pulls(), order.pulled_within, store=around.store, registries=around.registries
    )
    return replace(order.selection, pulled=pulled)


def _named(order: Order, around: Surroundings) -> Iterator[ImageReference]:
    found = [_found(name, around) for name in order.names]
    is_due = order.resume_after is None
    for image in found:
        if is_due:
            yield image
        is_due = is_due or str(image) == str(order.resume_after)


def _found(untrusted_name: str, around: Surroundings) -> ImageReference:
    try:
        image = naming.find(untrusted_name, around.store)
    except InvalidMessageError as error:
        raise InvalidMessageError(str(error), field="images") from error
    if image is None:
        raise InvalidMessageError("no judged push came with one of the tags", field="images")
    around.registries.find(image.registry)
    return image


def _names(members: Mapping[str, Any]) -> tuple[str, ...]:
    names = members.get("images", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidMessageError("is not a list of strings", field="images")
    if len(names) > MAX_IMAGES:
        raise InvalidMessageError(f"are more than {MAX_IMAGES}", field="images")
    return tuple(names)


def _selection(members: Mapping[str, Any]) -> Selection:
    since = _text(members, "not_judged_since")
    return Selection(
        repository=_text(members, "repository"),
        status=Status(verdict) if (verdict := _one_of(members, "verdict", Status)) else None,
        reason=_one_of(members, "reason", _REASONS),
        not_judged_since=parse_time(since, field="not_judged_since") if since else None,
    )


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is not None and not (isinstance(value, str) and value):
        raise InvalidMessageError("is not a string", field=name)
    return value


def _one_of(members: Mapping[str, Any], name: str, known: Iterable[str]) -> str | None:
    value = _text(members, name)
    if value is not None and value not in set(map(str, known)):
        raise InvalidMessageError("is not one of those that there are", field=name)
    return value


def _boolean(members: Mapping[str, Any], name: str) -> bool:
    value = members.get(name, False)
    if not isinstance(value, bool):
        raise InvalidMessageError("is not true or false", field=name)
    return value


def _per_second(members: Mapping[str, Any]) -> int:
    value = members.get("per_second", DEFAULT_PER_SECOND)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PER_SECOND:
        raise InvalidMessageError(f"is not a number from 1 to {MAX_PER_SECOND}", field="per_second")
    return value


def _days(members: Mapping[str, Any]) -> int | None:
    value = members.get("pulled_within_days")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_DAYS:
        raise InvalidMessageError(
            f"is not a number from 1 to {MAX_DAYS}", field="pulled_within_days"
        )
    return value


def _key(untrusted_text: str) -> ImageReference:
    name, _, digest = untrusted_text.partition("@")
    registry, _, repository = name.partition("/")
    try:
        return ImageReference(registry=registry, repository=repository, digest=Digest(digest))
    except InvalidMessageError as error:
        raise InvalidMessageError(str(error), field="resume_after") from error


def _refuse(status: HTTPStatus, why: str) -> func.HttpResponse:
    logger.warning("rescan.rejected status=%d why=%s", status, why)
    is_passing = status is HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": str(_RETRY_AFTER_SECONDS)} if is_passing else None
    return _answer(status, {"error": why}, headers=headers)


def _answer(
    status: HTTPStatus, body: Mapping[str, str | int], *, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(body), status_code=status, headers=headers, mimetype="application/json"
    )
