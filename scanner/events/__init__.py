"""Untrusted bytes -> events, one module for each shape that they come in."""

from scanner.events.event import (
    DeleteEvent,
    Event,
    PushEvent,
    QuietEvent,
)
from scanner.events.event_grid import MAX_MESSAGE_BYTES, Batch, parse_message
from scanner.events.webhook import MAX_BODY_BYTES, parse_event

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_MESSAGE_BYTES",
    "Batch",
    "DeleteEvent",
    "Event",
    "PushEvent",
    "QuietEvent",
    "parse_event",
    "parse_message",
]
