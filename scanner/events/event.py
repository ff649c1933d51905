"""What ACR says of a repository ("Azure Container Registry webhook reference").

Event Grid carries the same object as `data` (Azure docs, "Container Registry as an Event Grid
source"), so this is the one parser for both.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scanner.errors import InvalidMessageError
from scanner.model import Deletion, Digest, ImageReference, Registries
from scanner.strict_json import parse_time

_EVENT_ID = re.compile(r"[!-~]{1,128}")
_QUIET_ACTIONS = frozenset({"ping", "chart_push", "chart_delete"})
# With quarantine on, `push` only comes once an image has passed; the scan is what decides that.
_SCANNED_ACTIONS = frozenset({"push", "quarantine"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """A manifest was pushed to a registry of ours."""

    event_id: str
    image: ImageReference
    pushed_at: datetime

    @property
    def name(self) -> str:
        """What a person calls the image."""
        return self.image.name


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteEvent:
    """Something was deleted from a registry of ours, or so it is said."""

    event_id: str
    deletion: Deletion
    deleted_at: datetime

    @property
    def name(self) -> str:
        """What was deleted, as a person writes it."""
        return str(self.deletion)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietEvent:
    """An event that asks for nothing: a ping, or an action that concerns no image."""

    action: str


Event = PushEvent | DeleteEvent | QuietEvent


def read_event(
    untrusted: dict[str, Any], registries: Registries, *, host_otherwise: str | None = None
) -> Event:
    """Read one event of ACR.

    `host_otherwise` stands in for a `request.host` that is not there; Event Grid need not send it.
    Raises InvalidMessageError, which names the field, for what is no event, and
    RegistryNotOursError for an event of a registry that the settings do not name.
    """
    event_id, action = text(untrusted, "id"), text(untrusted, "action")
    if not _EVENT_ID.fullmatch(event_id):
        raise InvalidMessageError("is not an event id", field="id")
    if action in _QUIET_ACTIONS:
        return QuietEvent(action=action)
    if action != "delete" and action not in _SCANNED_ACTIONS:
        raise InvalidMessageError("is not an action of ACR", field="action")
    registry = _registry(untrusted, registries, host_otherwise)
    target = members(untrusted, "target")
    try:
        if action == "delete":
            return DeleteEvent(
                event_id=event_id,
                deletion=_deletion(registry, target),
                deleted_at=_time(untrusted),
            )
        return PushEvent(
            event_id=event_id, image=_image(registry, target), pushed_at=_time(untrusted)
        )
    except InvalidMessageError as error:
        if error.field.startswith(("target.", "timestamp")):
            raise
        raise InvalidMessageError(error.detail, field=f"target.{error.field}") from error


def _registry(untrusted: dict[str, Any], registries: Registries, host_otherwise: str | None) -> str:
    if host_otherwise is not None and untrusted.get("request") is None:
        return registries.find(host_otherwise)
    return registries.find(text(members(untrusted, "request"), "host", path="request.host"))


def _image(registry: str, untrusted_target: dict[str, Any]) -> ImageReference:
    return ImageReference(
        registry=registry,
        repository=text(untrusted_target, "repository", path="target.repository"),
        digest=Digest(text(untrusted_target, "digest", path="target.digest")),
        tag=_optional(untrusted_target, "tag"),
    )


def _deletion(registry: str, untrusted_target: dict[str, Any]) -> Deletion:
    digest = _optional(untrusted_target, "digest")
    return Deletion(
        registry=registry,
        repository=text(untrusted_target, "repository", path="target.repository"),
        digest=Digest(digest) if digest else None,
        tag=_optional(untrusted_target, "tag"),
    )


def _optional(untrusted_target: dict[str, Any], name: str) -> str | None:
    # Manifests pushed by digest have no tag: the member is absent, null or empty.
    value = untrusted_target.get(name) or None
    if not isinstance(value, str | None):
        raise InvalidMessageError("is not a string", field=f"target.{name}")
    return value


def _time(untrusted: dict[str, Any]) -> datetime:
    return parse_time(text(untrusted, "timestamp"), field="timestamp")


def text(untrusted: dict[str, Any], name: str, *, path: str = "") -> str:
    """Return a member that must be a string. Raises InvalidMessageError."""
    value = untrusted.get(name)
    if not isinstance(value, str):
        raise InvalidMessageError("is missing or not a string", field=path or name)
    return value


def members(untrusted: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a member that must be an object. Raises InvalidMessageError."""
    value = untrusted.get(name)
    if not isinstance(value, dict):
        raise InvalidMessageError("is missing or not an object", field=name)
    return value
