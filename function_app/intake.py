"""ACR's webhook target: authenticate, parse, queue, answer. No registry call, no heavy import.

ACR waits 5 seconds, tries once and signs nothing ("Azure Container Registry webhook reference").
"""

import hmac
import json
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus

import azure.functions as func

from scanner import jobs
from scanner.errors import InvalidMessageError, RegistryNotOursError, StoreError
from scanner.events import MAX_BODY_BYTES, QuietEvent, parse_event
from scanner.settings import Settings
from scanner.wiring import Wiring

logger = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 30
_STATUS_OF = {
    InvalidMessageError: HTTPStatus.BAD_REQUEST,
    RegistryNotOursError: HTTPStatus.FORBIDDEN,
}


def blueprint(wiring: Wiring) -> func.Blueprint:
    """Build the blueprint with the one HTTP function."""
    functions = func.Blueprint()

    @functions.function_name("receive_push")
    @functions.route(
        "acr/webhook",
        trigger_arg_name="request",
        methods=[func.HttpMethod.POST],
        auth_level=func.AuthLevel.ANONYMOUS,
    )
    def receive_push(request: func.HttpRequest) -> func.HttpResponse:
        return receive(request, wiring.settings, enqueue)

    def enqueue(message: str) -> None:
        wiring.job_queue.send(message)

    return functions


def receive(
    request: func.HttpRequest, settings: Settings, enqueue: Callable[[str], None]
) -> func.HttpResponse:
    """Answer one webhook request; `enqueue` raises StoreError unless the job is durable.

    202 `{"job": id}` once the queue has the job; 200 for a ping or an action that asks for nothing;
    400 for a body that is no event, 401 without the secret, 403 for a registry not ours, 413, 415,
    and 503 with Retry-After when the queue is out of reach.
    """
    if refused := refusal(request, settings.webhook_secrets, max_bytes=MAX_BODY_BYTES):
        return _refuse(*refused)
    try:
        event = parse_event(request.get_body(), settings.registries)
    except (InvalidMessageError, RegistryNotOursError) as error:
        return _refuse(_STATUS_OF[type(error)], str(error))
    if isinstance(event, QuietEvent):
        return _answer(HTTPStatus.OK, {"ignored": event.action})
    job = jobs.job_for(event, now=datetime.now(UTC))
    try:
        enqueue(jobs.encode(job))
    except StoreError:
        logger.exception("event.not_queued job=%s image=%s", job.id, event.name)
        return _refuse(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the queue is out of reach",
            headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
        )
    logger.info("event.queued job=%s event=%s image=%s", job.id, event.event_id, event.name)
    return _answer(HTTPStatus.ACCEPTED, {"job": job.id})


def refusal(
    request: func.HttpRequest, secrets: Iterable[str], *, max_bytes: int
) -> tuple[HTTPStatus, str] | None:
    """Say why a request is not even read, if so: no secret of these, no JSON, or too long."""
    if not _is_authentic(request.headers.get("authorization", ""), secrets):
        return HTTPStatus.UNAUTHORIZED, "the secret is missing or wrong"
    if not _is_plain_json(request):
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json, unencoded"
    if len(request.get_body()) > max_bytes:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {max_bytes} bytes"
    return None


def _is_authentic(untrusted_header: str, secrets: Iterable[str]) -> bool:
    scheme, _, untrusted_secret = untrusted_header.partition(" ")
    offered = untrusted_secret.encode("utf-8", "surrogateescape")
    # Every secret is compared, so that the time taken does not tell which one came close.
    matches = [hmac.compare_digest(offered, secret.encode()) for secret in secrets]
    return scheme.lower() == "bearer" and any(matches)


def _is_plain_json(request: func.HttpRequest) -> bool:
    media_type: str = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    return media_type == "application/json" and encoding == "identity"


def _refuse(
    status: HTTPStatus, why: str, *, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    logger.warning("push.rejected status=%d why=%s", status, why)
    return _answer(status, {"error": why}, headers=headers)


def _answer(
    status: HTTPStatus, body: dict[str, str], *, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(body), status_code=status, headers=headers, mimetype="application/json"
    )
