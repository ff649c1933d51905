"""The body of an ACR webhook request -> an event."""

from scanner.events.event import Event, read_event
from scanner.model import Registries
from scanner.strict_json import parse_object

MAX_BODY_BYTES = 64 * 1024
"""An ACR event is under 2 KiB; the limit leaves room for long names and user agents."""


def parse_event(untrusted_body: bytes, registries: Registries) -> Event:
    """Parse the body of one ACR webhook request, at most 64 KiB.

    Raises InvalidMessageError, which names the field, for a body that is no ACR event, and
    RegistryNotOursError for an event of a registry that the settings do not name.
    """
    return read_event(parse_object(untrusted_body, max_bytes=MAX_BODY_BYTES), registries)
