"""A queue message from Event Grid -> events, in either of its schemas, one or a batch.

CloudEvents 1.0 (section "JSON Event Format") and the Event Grid schema both carry ACR's own event
as `data`. Event Grid writes queue messages in base64, other senders in plain text.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from scanner.errors import InvalidMessageError, RegistryNotOursError
from scanner.events.event import Event, members, read_event, text
from scanner.model import Registries
from scanner.strict_json import parse_value

MAX_MESSAGE_BYTES = 64 * 1024
"""What a storage queue message can hold."""

_ACTIONS = {
    "Microsoft.ContainerRegistry.ImagePushed": "push",
    "Microsoft.ContainerRegistry.ImageDeleted": "delete",
    "Microsoft.ContainerRegistry.ChartPushed": "chart_push",
    "Microsoft.ContainerRegistry.ChartDeleted": "chart_delete",
}
# The resource's name: 5 to 50 letters and digits (Azure docs, "Naming rules and restrictions").
_RESOURCE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerRegistry/registries/"
    r"([a-z0-9]{5,50})",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one message said."""

    events: tuple[Event, ...]
    faults: tuple[str, ...]
    """Of each event that could not be read: its place in the batch, the field, and why."""


def parse_message(untrusted_message: bytes, registries: Registries) -> Batch:
    """Parse one queue message, at most 64 KiB; a bad event does not spoil the others.

    Raises InvalidMessageError for a message that is neither an event nor a batch of some.
    """
    body = _decoded(untrusted_message)
    value = parse_value(body, max_bytes=MAX_MESSAGE_BYTES)
    untrusted_events = value if isinstance(value, list) else [value]
    if not untrusted_events:
        raise InvalidMessageError("holds no event", field="body")
    events: list[Event] = []
    faults: list[str] = []
    for place, untrusted_event in enumerate(untrusted_events):
        try:
            events.append(_event(untrusted_event, registries))
        except (InvalidMessageError, RegistryNotOursError) as error:
            faults.append(f"[{place}] {error}")
    return Batch(events=tuple(events), faults=tuple(faults))


def _decoded(untrusted_message: bytes) -> bytes:
    # Neither brace nor bracket is a letter of base64, so the first byte tells which it is.
    stripped = untrusted_message.strip()
    if len(untrusted_message) > MAX_MESSAGE_BYTES or stripped[:1] in {b"{", b"["}:
        return untrusted_message
    try:
        return base64.b64decode(stripped, validate=True)
    except binascii.Error as error:
        raise InvalidMessageError("is neither JSON nor base64", field="body") from error


def _event(untrusted_event: object, registries: Registries) -> Event:
    if not isinstance(untrusted_event, dict):
        raise InvalidMessageError("is not a JSON object", field="body")
    kind, source = _schema(untrusted_event)
    action = _ACTIONS.get(text(untrusted_event, kind))
    if action is None:
        raise InvalidMessageError("is not an event type of ACR", field=kind)
    data = members(untrusted_event, "data")
    if data.get("action") != action:
        raise InvalidMessageError("is not what the type says", field="data.action")
    try:
        return read_event(data, registries, host_otherwise=_login_server(untrusted_event, source))
    except InvalidMessageError as error:
        raise InvalidMessageError(error.detail, field=f"data.{error.field}") from error


def _schema(untrusted_event: dict[str, Any]) -> tuple[str, str]:
    """Return the names of the members that hold the type and the source."""
    if "specversion" not in untrusted_event:
        return "eventType", "topic"
    if untrusted_event["specversion"] != "1.0":
        raise InvalidMessageError("is not 1.0", field="specversion")
    return "type", "source"


def _login_server(untrusted_event: dict[str, Any], source: str) -> str | None:
    """Name the host that a registry has by default; the settings say whether it is ours."""
    untrusted_source = untrusted_event.get(source)
    if not isinstance(untrusted_source, str):
        return None
    resource = _RESOURCE.fullmatch(untrusted_source)
    return f"{resource[1]}.azurecr.io" if resource else None
