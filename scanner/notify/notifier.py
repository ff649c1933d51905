"""Delivers one queued notice: claim it, compose it from the stored reports, send it, say so.

A message that must wait is sent once more with a delay, and only then let go: a crash between the
two leaves one message too many, of which the ledger lets one through.
"""

import logging
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from scanner.errors import InvalidMessageError, NoticeError, TooEarlyError
from scanner.model import Transition, TransitionKind
from scanner.notify import message
from scanner.notify.announcement import Announcement
from scanner.notify.composer import Composer
from scanner.notify.coverage import is_covered
from scanner.notify.ledger import Entry, Ledger, State
from scanner.notify.message import Notice
from scanner.notify.routes.route import Route, RouteTable
from scanner.notify.routes.timing import next_send_time
from scanner.ports import DelayingQueue

logger = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 24
"""Of a notice that its service puts off: some four hours at least, a day at most."""
_LONGEST_PAUSE_SECONDS = 900
_SPREAD_SECONDS = 30
"""Over these is spread what would all come back at once."""
_ORDER_PAUSE: Final = timedelta(seconds=60)
_LONGEST_ORDER: Final = timedelta(days=3)
"""Longer than any quiet hours last; what is queued for longer never comes."""
_PREDECESSORS: Final = 4


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Consumes queue `notices` and its poison queue. Safe to run twice on one message."""

    composer: Composer
    ledger: Ledger
    queue: DelayingQueue
    routes: Callable[[], RouteTable]
    """Those in force. Raises NoticeError where none can be had."""
    clock: Callable[[], datetime] = _now

    def deliver(self, untrusted_message: bytes) -> None:
        """Deliver one notice, unless it was delivered before or an index speaks for the image.

        What the route's hours, its rate or its service put off is queued anew.

        Raises InvalidMessageError for a message that is not ours, NoticeError when the channel
        refused it or another worker is just sending it, StoreError: the queue then tries again.
        """
        notice = message.decode(untrusted_message)
        transition = self._transition_of(notice)
        route = self.routes().find(notice.route)
        if route is None or is_covered(self.composer.store, transition):
            self._settle(notice, State.SKIPPED)
            logger.info("notice.skipped id=%s stream=%s", notice.id, notice.stream)
            return
        # All that can fail for lack of storage comes before the claim, which would be left behind.
        told = self.composer.compose(transition, notice_id=notice.id)
        if wait := self._wait(notice, route, told):
            self._queue_again(notice, wait, why="early")
        elif self._claim(notice):
            self._send(notice, route, told)

    def record_undelivered(self, untrusted_message: bytes) -> None:
        """Record a notice from the poison queue as failed. A bad message is logged and dropped.

        Raises StoreError only.
        """
        try:
            notice = message.decode(untrusted_message)
        except InvalidMessageError as error:
            logger.error("notice.refused bytes=%d fault=%s", len(untrusted_message), error)  # noqa: TRY400  the fault is the sender's, our stack explains nothing
            return
        self._fail(notice)

    def _transition_of(self, notice: Notice) -> Transition:
        # Who can write to the queue can still only make us tell what has come about.
        entry = self.ledger.find(notice)
        if entry is None:
            raise InvalidMessageError("is none that was announced", field="number")
        return entry.transition

    def _wait(self, notice: Notice, route: Route, told: Announcement) -> timedelta:
        """Return how long a notice must wait: for the morning, or for what it resolves."""
        now = self.clock()
        until = now if route.digest else next_send_time(route, told, now)
        if until > now:
            return until - now
        if told.kind is TransitionKind.RESOLVED and self._is_behind(notice):
            return _ORDER_PAUSE
        return timedelta()

    def _is_behind(self, notice: Notice) -> bool:
        """Whether something that the same stream told of before is still on its way."""
        first = max(1, notice.number - _PREDECESSORS)
        for number in range(first, notice.number):
            before = Notice(stream=notice.stream, number=number, route=notice.route)
            entry = self.ledger.find(before)
            if entry is not None and entry.state in {State.QUEUED, State.HELD}:
                return self.clock() - entry.first_queued_at < _LONGEST_ORDER
        return False

    def _claim(self, notice: Notice) -> bool:
        """Take the lease; False when it was told before. Raises NoticeError if others hold it."""
        holder = uuid.uuid4().hex

        def claimed(present: Entry | None) -> Entry | None:
            now = self.clock()
            if (
                present is None
                or present.state is State.SENT
                or present.is_leased_to_another(holder, now)
            ):
                return None
            # Already ours when the answer to the first try was lost on its way.
            return present if present.lease_holder == holder else present.leased(holder, now)

        entry = self.ledger.change(notice, claimed)
        if entry is None or entry.state is State.SENT:
            logger.info("notice.repeated id=%s", notice.id)
            return False
        if entry.lease_holder != holder:
            raise NoticeError(f"notice {notice.id} is being sent by another worker")
        return True

    def _send(self, notice: Notice, route: Route, told: Announcement) -> None:
        try:
            route.open_channel().send(told)
        except TooEarlyError as error:
            wait = timedelta(seconds=(error.retry_after or 0) + self._spread(notice))
            self._queue_again(notice, wait, why="rate")
            self.ledger.change(notice, self._unsent)
        except NoticeError as error:
            self._refused(notice, error)
        else:
            entry = self._settle(notice, State.SENT)
            logger.info(
                "notice.sent id=%s route=%s stream=%s attempts=%d",
                notice.id,
                route.name,
                notice.stream,
                entry.attempts if entry else 0,
            )

    def _refused(self, notice: Notice, error: NoticeError) -> None:
        """Queue again what the service puts off, as often as may be; raise anything else."""
        if error.retry_after is None:
            self._settle(notice, State.QUEUED, error=str(error))
            raise error
        entry = self.ledger.find(notice)
        attempts = entry.attempts if entry else 1
        if attempts >= MAX_ATTEMPTS:
            self._fail(notice, error=str(error))
            return
        pause = min(2**attempts, _LONGEST_PAUSE_SECONDS)
        wait = max(error.retry_after, pause) + self._spread(notice)
        self._queue_again(notice, timedelta(seconds=wait), why="refused")
        self._settle(notice, State.QUEUED, error=str(error))

    def _queue_again(self, notice: Notice, wait: timedelta, *, why: str) -> None:
        self.queue.send(message.encode(notice), delay_seconds=math.ceil(wait.total_seconds()))
        logger.info(
            "notice.put_off id=%s route=%s why=%s for=%s", notice.id, notice.route, why, wait
        )

    def _spread(self, notice: Notice) -> int:
        return (int(notice.id[:8], 16) + int(self.clock().timestamp())) % _SPREAD_SECONDS

    def _unsent(self, present: Entry | None) -> Entry | None:
        if present is None or present.state is State.SENT:
            return None
        return present.unsent(self.clock())

    def _fail(self, notice: Notice, *, error: str = "") -> None:
        entry = self._settle(notice, State.FAILED, error=error)
        if entry is not None and entry.state is State.FAILED:
            logger.error(
                "notice.failed id=%s route=%s stream=%s attempts=%d last_error=%r",
                notice.id,
                notice.route,
                notice.stream,
                entry.attempts,
                entry.last_error,
            )

    def _settle(self, notice: Notice, state: State, *, error: str = "") -> Entry | None:
        def settled(present: Entry | None) -> Entry | None:
            # Once told is told: no late failure of another attempt takes that back.
            if present is None or present.state is State.SENT:
                return None
            return present.settled(state, self.clock(), error=error)

        return self.ledger.change(notice, settled)
