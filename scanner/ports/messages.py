"""Queues, and what is told by them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scanner.model import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """What a route's channel did not take."""

    route: str
    notices: int
    last_error: str


class Outbox(Protocol):
    """What shall be told, durably queued."""

    def announce(self, transition: Transition, *, known_by: frozenset[str] | None = None) -> None:
        """Queue it for each route that wants to know. Safe to repeat.

        Where other streams have said it of the image, they are named in `known_by`: it is news only
        to who follows the tag of this one and none of theirs.

        Raises StoreError, and NoticeError where the routes cannot be had.
        """


class JobQueue(Protocol):
    """Where jobs wait for a worker."""

    def send(self, message: str) -> None:
        """Queue a message durably. Raises StoreError."""

    def depth(self) -> int:
        """Return about how many messages there are, hidden ones included. Raises StoreError."""


class DelayingQueue(JobQueue, Protocol):
    """A queue whose messages need not be seen at once."""

    def send(self, message: str, *, delay_seconds: int = 0) -> None:
        """Queue a message durably, visible after the delay. Raises StoreError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMessage:
    """A message that no function could deal with."""

    id: str
    untrusted_body: bytes
    since: datetime
    why: str = ""
    """What was wrong with it, where that is known."""


class HeldMessages(Protocol):
    """Where such messages are kept: a poison queue, or what could not be read."""

    def look(self) -> Iterable[HeldMessage]:
        """Return messages without touching them; of a queue at most 32. Raises StoreError."""

    def take(self) -> Iterable[HeldMessage]:
        """Yield every message; of a queue each is hidden for a minute. Raises StoreError."""

    def remove(self, message: HeldMessage) -> None:
        """Delete a message that was taken; one that is gone is no fault. Raises StoreError."""

    def depth(self) -> int:
        """Return about how many messages there are. Raises StoreError."""
