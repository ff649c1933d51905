"""How often, how soon and until when the registry is asked again."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from scanner.errors import RegistryError

MAX_ATTEMPTS = 5
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 8.0
MAX_RETRY_AFTER_SECONDS = 30.0

T = TypeVar("T")


class PassingTroubleError(RegistryError):
    """Raised for what may be gone in a moment: 429, 5xx, a broken connection, wrong bytes."""

    def __init__(self, message: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = min(retry_after_seconds, MAX_RETRY_AFTER_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Where time and chance come from, and how long silence is borne; tests bring their own."""

    now: Callable[[], float] = time.time
    """Seconds since 1970, to compare with a token's expiry."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    """A number from 0 to 1 that spreads the retries of many workers."""
    connect_seconds: float = 10.0
    read_seconds: float = 20.0
    """How long the other side may be silent."""

    def deadline(self, seconds: float) -> "Deadline":
        """Return the deadline that lies so many seconds ahead."""
        return Deadline(at=self.monotonic() + seconds, monotonic=self.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The moment at which the registry has had its time."""

    at: float
    monotonic: Callable[[], float]
    _has_ended: threading.Event = field(default_factory=threading.Event, repr=False)

    def remaining_seconds(self) -> float:
        """Return how many seconds are left, never less than 0."""
        return 0.0 if self._has_ended.is_set() else max(0.0, self.at - self.monotonic())

    def end(self) -> None:
        """Let the time be up now, for every thread."""
        self._has_ended.set()

    def check(self) -> None:
        """Raise RegistryError once the time is up."""
        if not self.remaining_seconds():
            raise RegistryError("The registry did not deliver within the time it is given.")


def retry_after_seconds(untrusted_header: str | None) -> float:
    """Read `Retry-After` in its form as seconds (RFC 9110, 10.2.3); ACR sends no other."""
    text = (untrusted_header or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0  # noqa: PLR2004 - longer is nonsense


def persist(attempt: Callable[[int], T], *, deadline: Deadline, timing: Timing) -> T:
    """Call `attempt` with 0, 1, ... until it raises no PassingTroubleError.

    Raises RegistryError when the attempts or the time are used up.
    """
    for number in range(MAX_ATTEMPTS):
        deadline.check()
        try:
            return attempt(number)
        except PassingTroubleError as error:
            deadline.check()
            delay = max(_backoff_seconds(number, timing), error.retry_after_seconds)
            if number == MAX_ATTEMPTS - 1 or delay >= deadline.remaining_seconds():
                raise RegistryError(f"{error} Tried {number + 1} times.") from error
            timing.sleep(delay)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _backoff_seconds(number: int, timing: Timing) -> float:
    ceiling = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**number)
    return ceiling * (0.5 + timing.jitter() / 2)
