"""Where notices go."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from scanner.errors import NoticeError
from scanner.notify.ledger import Entry
from scanner.notify.message import Notice
from scanner.notify.route import Route


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SentNotice:
    """What a channel was given."""

    route: str
    notice_id: str
    body: bytes


@dataclass(kw_only=True)
class RecordingChannel:
    """Accepts notices, or refuses them while `refusal` is set."""

    sent: list[SentNotice] = field(default_factory=list)
    refusal: NoticeError | None = None
    during_send: Callable[[], None] = lambda: None
    """Called in the middle of every send: where a second worker may come between."""

    def send(self, route: Route, *, notice_id: str, body: bytes) -> None:
        """Remember a notice."""
        self.during_send()
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(SentNotice(route=route.name, notice_id=notice_id, body=body))
