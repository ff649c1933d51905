"""What every channel can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from scanner.notify.announcement import Announcement


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many messages in so many seconds, and no more."""

    messages: int
    seconds: float


class Channel(Protocol):
    """A place that takes announcements, one at a time."""

    @property
    def rates(self) -> tuple[Rate, ...]:
        """What the service takes at most; empty where it names no limit."""

    def send(self, told: Announcement) -> str:
        """Hand an announcement over; return what the service answered, for a person to read.

        Raises NoticeError unless the service took it, with `retry_after` where it says when to
        come back. What is raised and returned holds no secret and no URL.
        """


@runtime_checkable
class DigestChannel(Channel, Protocol):
    """A channel that also takes several announcements in one message."""

    def send_digest(self, told: Sequence[Announcement], *, missing: int = 0) -> str:
        """Hand over one message on all of them, and on how many are missing. Raises NoticeError."""
