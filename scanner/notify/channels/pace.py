"""Keeps a channel within the rates that its service allows."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from scanner.errors import NoticeError, TooEarlyError
from scanner.notify.announcement import Announcement
from scanner.notify.channels.channel import Channel, DigestChannel, Rate


def _now() -> datetime:
    return datetime.now(UTC)


def next_allowed(rates: Iterable[Rate], sent: Sequence[datetime], now: datetime) -> datetime:
    """Return when one more message keeps all rates, given when others were sent, oldest first."""
    earliest = now
    for rate in rates:
        if len(sent) >= rate.messages:
            freed = sent[-rate.messages] + timedelta(seconds=rate.seconds)
            earliest = max(earliest, freed)
    return earliest


@dataclass(kw_only=True)
class Paced:
    """A channel that refuses what comes too early and says when to come back; it never waits.

    It knows what this process has sent. Several workers may together go over a rate: then the
    service answers 429, and the queue comes back as it is told.
    """

    channel: Channel
    clock: Callable[[], datetime] = _now
    _sent: deque[datetime] = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        most = max((rate.messages for rate in self.rates), default=0)
        self._sent = deque(maxlen=most)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Return those of the channel."""
        return self.channel.rates

    def send(self, told: Announcement) -> str:
        """Hand an announcement over. Raises TooEarlyError, and NoticeError."""
        self._take_turn()
        return self.channel.send(told)

    def send_digest(self, told: Sequence[Announcement], *, missing: int = 0) -> str:
        """Hand over one message on all of them. Raises TooEarlyError, and NoticeError."""
        if not isinstance(self.channel, DigestChannel):
            raise NoticeError("this channel takes no digest")
        self._take_turn()
        return self.channel.send_digest(told, missing=missing)

    def _take_turn(self) -> None:
        with self._lock:
            now = self.clock()
            wait = (next_allowed(self.rates, tuple(self._sent), now) - now).total_seconds()
            if wait > 0:
                raise TooEarlyError("too many messages for this channel", retry_after=wait)
            self._sent.append(now)
