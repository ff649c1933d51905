"""Sends what is held for digests once it is due: one message a route, and none twice.

What goes out together is written down first, as one batch. A crash afterwards leaves the batch: it
is sent again as the same message, unless it says of itself that it was sent.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from scanner.errors import InvalidMessageError, NoticeError, PushscanError, TooEarlyError
from scanner.notify import message
from scanner.notify.announcement import Announcement
from scanner.notify.channels.channel import DigestChannel
from scanner.notify.composer import Composer
from scanner.notify.coverage import is_covered
from scanner.notify.held import MAX_BATCH, Batch, Held, HeldNotices
from scanner.notify.ledger import Entry, Ledger, State
from scanner.notify.message import Notice
from scanner.notify.routes.route import Route, RouteTable
from scanner.ports import DelayingQueue

logger = logging.getLogger(__name__)

_LEASE: Final = timedelta(minutes=2)
"""Well over the longest send (mail, 30 seconds). Others keep off until then."""
_TRIES: Final = 5
"""After as many the notices are marked failed; the digest is tried on, once an hour."""
_GONE: Final = "its report is gone; a digest was sent without it"
_LONG_PAUSE: Final = timedelta(hours=1)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """Looked at by a timer. Safe to repeat, and to kill."""

    composer: Composer
    ledger: Ledger
    held: HeldNotices
    queue: DelayingQueue
    routes: Callable[[], RouteTable]
    """Those in force. Raises NoticeError where none can be had."""
    clock: Callable[[], datetime] = _now

    def send_due(self) -> None:
        """Send each route's digest that is due.

        Raises what the first that failed raised, after all others were looked at.
        """
        table = self.routes()
        fault: PushscanError | None = None
        for name, waiting in sorted(self.held.by_route().items()):
            try:
                self._serve(name, table.find(name), waiting)
            except PushscanError as error:
                logger.warning("digest.refused route=%s why=%s", name, error)
                fault = fault or error
        if fault is not None:
            raise fault

    def _serve(self, name: str, route: Route | None, waiting: Mapping[str, Held]) -> None:
        left = dict(waiting)
        if route is None or route.digest is None:
            self._dissolve(name, route, left)
            return
        while batch := self._open(name, left):
            sent = batch if batch.is_sent else self._try(route, batch, left)
            if sent is None:
                return
            self._close(name, sent, left)

    def _close(self, name: str, batch: Batch, left: dict[str, Held]) -> None:
        for notice_id in batch.ids:
            # Not there any more where a crash came between here and there.
            if one := left.pop(notice_id, None):
                if notice_id in batch.missing:
                    self._settle(one.notice, State.FAILED, error=_GONE)
                else:
                    self._settle(one.notice, State.SENT)
                self.held.remove(one.notice)
        self.held.close_batch(name, batch)

    def _dissolve(self, name: str, route: Route | None, left: dict[str, Held]) -> None:
        """Let what is held go its own way: the route has no digest any more, or is gone."""
        begun = self.held.change_batch(name, lambda _: None)
        if begun is not None and begun.is_sent:
            self._close(name, begun, left)
        for one in left.values():
            if route is not None and not self._is_told(one.notice):
                self.queue.send(message.encode(one.notice))
            self._settle(one.notice, State.SKIPPED if route is None else State.QUEUED)
            self.held.remove(one.notice)
        if begun is not None:
            self.held.close_batch(name, begun)

    def _open(self, name: str, left: dict[str, Held]) -> Batch | None:
        """Return the batch that was begun, or begin one of what is due; None where nothing is."""
        present = self.held.change_batch(name, lambda _: None)
        if present is not None:
            return present
        due = [one for one in left.values() if one.due_at <= self.clock()]
        entries = {one.notice.id: self._entry(one, left) for one in due}
        ids = [notice_id for notice_id, entry in entries.items() if entry is not None]
        if not ids:
            return None
        # What is resolved comes after what it resolves.
        ids.sort(key=lambda notice_id: _place(entries[notice_id]))
        begun = Batch(ids=tuple(ids[:MAX_BATCH]), not_before=self.clock())
        return self.held.change_batch(name, lambda known: known or begun)

    def _entry(self, one: Held, left: dict[str, Held]) -> Entry | None:
        """Return the entry of a notice that is still to be told; others are forgotten."""
        entry = self.ledger.find(one.notice)
        if entry is not None and entry.state not in {State.SENT, State.SKIPPED}:
            if not is_covered(self.composer.store, entry.transition):
                return entry
            self._settle(one.notice, State.SKIPPED)
        self.held.remove(one.notice)
        del left[one.notice.id]
        return None

    def _try(self, route: Route, batch: Batch, left: Mapping[str, Held]) -> Batch | None:
        """Send a batch and return it as sent; None if it is too early or others are at it."""
        if batch.not_before > self.clock():
            return None
        taken = self._leased(replace(batch, attempts=batch.attempts + 1, holder=uuid.uuid4().hex))
        if not self._put(route, batch, taken):
            return None
        notices = [left[one].notice for one in batch.ids if one in left]
        composed = {notice.id: self._compose(notice) for notice in notices}
        told = [made for made in composed.values() if made is not None]
        missing = frozenset(composed) - {made.id for made in told}
        # To compose may take longer than a lease lasts, to send may not.
        ours = self._leased(taken)
        if not self._put(route, taken, ours):
            return None
        try:
            if told:
                _channel(route).send_digest(told, missing=len(missing))
        except NoticeError as error:
            self._refused(route, ours, error, left)
            raise
        sent = replace(ours, is_sent=True, missing=missing)
        if not self._put(route, ours, sent):
            return None
        logger.info(
            "digest.sent route=%s notices=%d missing=%d", route.name, len(told), len(missing)
        )
        return sent

    def _leased(self, batch: Batch) -> Batch:
        return replace(batch, not_before=self.clock() + _LEASE)

    def _refused(
        self, route: Route, batch: Batch, error: NoticeError, left: Mapping[str, Held]
    ) -> None:
        """Note that the server did not take it, and when it may be tried again."""
        is_early = isinstance(error, TooEarlyError)
        attempts = batch.attempts - is_early
        pause = timedelta(seconds=error.retry_after or 0)
        if attempts >= _TRIES and not is_early:
            pause = max(pause, _LONG_PAUSE)
            logger.error(
                "notice.failed route=%s notices=%d attempts=%d last_error=%r",
                route.name,
                len(batch.ids),
                attempts,
                str(error),
            )
            for one in filter(None, map(left.get, batch.ids)):
                self._settle(one.notice, State.FAILED, error=str(error))
        put_off = replace(batch, attempts=attempts, not_before=self.clock() + pause)
        self._put(route, batch, put_off)

    def _put(self, route: Route, before: Batch, after: Batch) -> bool:
        """Replace a batch, unless somebody else has; say whether it is as wanted."""
        stands = self.held.change_batch(
            route.name, lambda present: after if present == before else None
        )
        return stands == after

    def _compose(self, notice: Notice) -> Announcement | None:
        entry = self.ledger.find(notice)
        if entry is None:
            return None
        try:
            return self.composer.compose(entry.transition, notice_id=notice.id)
        except InvalidMessageError as error:
            logger.error("notice.failed id=%s last_error=%r", notice.id, str(error))  # noqa: TRY400  its text says it all
            return None

    def _is_told(self, notice: Notice) -> bool:
        entry = self.ledger.find(notice)
        return entry is None or entry.state is State.SENT

    def _settle(self, notice: Notice, state: State, *, error: str = "") -> None:
        def settled(present: Entry | None) -> Entry | None:
            if present is None or present.state is State.SENT:
                return None
            return present.settled(state, self.clock(), error=error)

        self.ledger.change(notice, settled)


def _place(entry: Entry | None) -> tuple[datetime, int]:
    assert entry is not None  # noqa: S101  those without were left out
    return entry.transition.at, entry.transition.number


def _channel(route: Route) -> DigestChannel:
    channel = route.open_channel()
    if not isinstance(channel, DigestChannel):
        raise NoticeError(f"route {route.name}: takes no digest")
    return channel
