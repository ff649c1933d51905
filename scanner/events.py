"""Untrusted webhook bytes -> an event (shapes: "Azure Container Registry webhook reference")."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scanner.errors import InvalidMessageError
from scanner.model import Digest, ImageReference, Registries
from scanner.strict_json import parse_object, parse_time

MAX_BODY_BYTES = 64 * 1024
"""An ACR event is under 2 KiB; the limit leaves room for long names and user agents."""

_EVENT_ID = re.compile(r"[!-~]{1,128}")
_KNOWN_QUIET_ACTIONS = frozenset({"delete", "chart_push", "chart_delete"})
# With quarantine on, `push` only comes once an image has passed; the scan is what decides that.
_SCANNED_ACTIONS = frozenset({"push", "quarantine"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """A manifest was pushed to a registry of ours."""

    event_id: str
    image: ImageReference
    pushed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietEvent:
    """An event that asks for no scan: a ping, or an action that concerns no new image."""

    action: str


Event = PushEvent | QuietEvent


def parse_event(untrusted_body: bytes, registries: Registries) -> Event:
    """Parse the body of one ACR webhook request, at most 64 KiB.

    Raises InvalidMessageError, which names the field, for a body that is no ACR event, and
    RegistryNotOursError for an event of a registry that the settings do not name.
    """
    body = parse_object(untrusted_body, max_bytes=MAX_BODY_BYTES)
    event_id, action = _text(body, "id"), _text(body, "action")
    if not _EVENT_ID.fullmatch(event_id):
        raise InvalidMessageError("is not an event id", field="id")
    if action == "ping" or action in _KNOWN_QUIET_ACTIONS:
        return QuietEvent(action=action)
    if action not in _SCANNED_ACTIONS:
        raise InvalidMessageError("is not an action of ACR", field="action")
    request, target = _object(body, "request"), _object(body, "target")
    host = registries.find(_text(request, "host", path="request.host"))
    return PushEvent(
        event_id=event_id,
        image=_image(host, target),
        pushed_at=parse_time(_text(body, "timestamp"), field="timestamp"),
    )


def _image(registry: str, untrusted_target: dict[str, Any]) -> ImageReference:
    # Manifests pushed by digest have no tag: the member is absent, null or empty.
    untrusted_tag = untrusted_target.get("tag") or None
    if not isinstance(untrusted_tag, str | None):
        raise InvalidMessageError("is not a string", field="target.tag")
    try:
        return ImageReference(
            registry=registry,
            repository=_text(untrusted_target, "repository", path="target.repository"),
            digest=Digest(_text(untrusted_target, "digest", path="target.digest")),
            tag=untrusted_tag,
        )
    except InvalidMessageError as error:
        if error.field.startswith("target."):
            raise
        raise InvalidMessageError(error.detail, field=f"target.{error.field}") from error


def _text(untrusted: dict[str, Any], name: str, *, path: str = "") -> str:
    value = untrusted.get(name)
    if not isinstance(value, str):
        raise InvalidMessageError("is missing or not a string", field=path or name)
    return value


def _object(untrusted: dict[str, Any], name: str) -> dict[str, Any]:
    value = untrusted.get(name)
    if not isinstance(value, dict):
        raise InvalidMessageError("is missing or not an object", field=name)
    return value
