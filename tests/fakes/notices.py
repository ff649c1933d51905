"""Where notices go."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from scanner.errors import NoticeError, PushscanError
from scanner.model import (
    Report,
    Status,
)
from scanner.notify.ledger import Entry
from scanner.notify.message import Notice
from scanner.notify.route import Route
from tests.fakes.stores import _is_deletion


@dataclass(kw_only=True)
class RecordingOutbox:
    """Remembers what shall be told, each verdict on an image once."""

    routes: frozenset[Status] = frozenset({Status.UNHEALTHY, Status.UNKNOWN})
    """The verdicts that somebody listens to."""
    announced: list[Report] = field(default_factory=list)
    outage: PushscanError | None = None

    def announce(self, report: Report) -> None:
        """Remember a report that calls for a notice, unless the same was said before."""
        if self.outage is not None:
            raise self.outage
        told = [known for known in self.announced if str(known.image) == str(report.image)]
        if report.verdict.status is Status.UNHEALTHY or _is_deletion(report):
            # Each takes the other back.
            told = [known for known in told if known.verdict.status is not Status.UNKNOWN][-1:]
        said = {str(known.verdict) for known in told}
        is_resolved = _is_deletion(report) and said == {"unhealthy"}
        is_new = report.verdict.status in self.routes and str(report.verdict) not in said
        if is_new or is_resolved:
            self.announced.append(report)


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
