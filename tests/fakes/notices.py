"""Where notices go."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from scanner.errors import NoticeError, StoreError
from scanner.model import Stream, TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.channels.channel import Rate
from scanner.notify.ledger import Entry
from scanner.notify.message import Notice
from scanner.notify.routes.route import DEFAULT_KINDS, Route, RouteTable


class InMemoryLedger:
    """Entries in a dictionary; one change at a time, as compare-and-swap has it in effect."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._lock = threading.Lock()

    def find(self, notice: Notice) -> Entry | None:
        """Return the entry of a notice."""
        return self.entries.get(notice.id)

    def change(
        self, notice: Notice, decide: Callable[[Entry | None], Entry | None]
    ) -> Entry | None:
        """Replace an entry by what `decide` makes of it."""
        with self._lock:
            entry = decide(self.entries.get(notice.id))
            if entry is not None:
                self.entries[notice.id] = entry
            return self.entries.get(notice.id)

    def of_route(self, stream: Stream, route: str) -> Iterator[Entry]:
        """Yield a route's entries on the repository of a stream."""
        for entry in self.entries.values():
            known = entry.transition.stream
            if (known.registry, known.repository) == (stream.registry, stream.repository):
                yield from [entry] if entry.route == route else []


@dataclass(kw_only=True)
class RecordingQueue:
    """Keeps what was sent, with its delay in seconds."""

    sent: list[tuple[str, int]] = field(default_factory=list)
    outage: StoreError | None = None

    def send(self, message: str, *, delay_seconds: int = 0) -> None:
        """Keep a message."""
        if self.outage is not None:
            raise self.outage
        self.sent.append((message, delay_seconds))

    def depth(self) -> int:
        """Count the messages."""
        return len(self.sent)


@dataclass(kw_only=True)
class RecordingChannel:
    """Accepts announcements, or refuses them while `refusal` is set."""

    sent: list[Announcement] = field(default_factory=list)
    digests: list[Sequence[Announcement]] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    """How many each digest said to be missing."""
    refusal: NoticeError | None = None
    during_send: Callable[[], None] = lambda: None
    """Called in the middle of every send: where a second worker may come between."""

    @property
    def rates(self) -> tuple[Rate, ...]:
        """None."""
        return ()

    def send(self, told: Announcement) -> str:
        """Remember an announcement."""
        self._begin()
        self.sent.append(told)
        return "202"

    def send_digest(self, told: Sequence[Announcement], *, missing: int = 0) -> str:
        """Remember a digest."""
        self._begin()
        self.digests.append(told)
        self.missing.append(missing)
        return "202"

    def _begin(self) -> None:
        self.during_send()
        if self.refusal is not None:
            raise self.refusal


OPERATORS_KINDS = frozenset({TransitionKind.BECAME_UNKNOWN, TransitionKind.RESOLVED})


def two_routes(images: RecordingChannel, operators: RecordingChannel | None = None) -> RouteTable:
    """Return the routes that two settings make: `images`, and `operators`."""
    other = operators or images
    return RouteTable(
        routes=(
            Route(name="images", open_channel=lambda: images, kinds=DEFAULT_KINDS),
            Route(name="operators", open_channel=lambda: other, kinds=OPERATORS_KINDS),
        )
    )
