"""Queues what shall be told, or holds it for a digest.

The ledger's row is written first, the message queued second. A crash between the two leaves a row
without a message; the transition is still pending in its stream then, and whoever repeats queues
it. A second message on the same row does no harm: the ledger lets one of them through.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scanner.model import Transition, TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.composer import Composer
from scanner.notify.held import HeldNotices
from scanner.notify.ledger import Entry, Ledger, State
from scanner.notify.message import Notice, encode
from scanner.notify.routes.route import UNHEALTHY_KINDS, Route, RouteTable
from scanner.notify.routes.timing import next_send_time
from scanner.ports import DelayingQueue
from scanner.voices import TOGETHER

logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOutbox:
    """The Outbox port on a storage queue and the ledger."""

    composer: Composer
    queue: DelayingQueue
    ledger: Ledger
    held: HeldNotices
    routes: Callable[[], RouteTable]
    """Those in force. Raises NoticeError where none can be had."""
    patience_seconds: int = int(TOGETHER.total_seconds())
    """How long something waits for what else comes of the same push.

    A push of several platforms sends their manifests first, untagged, and the index last; and one
    of several tags sends each on its own.
    """
    clock: Callable[[], datetime] = _now

    def announce(self, transition: Transition, *, known_by: frozenset[str] | None = None) -> None:
        """Queue it for each route that wants to know and has not heard it of `known_by`.

        Safe to repeat. Raises StoreError, NoticeError where there are no routes to be had, and
        InvalidMessageError where the report is gone.
        """
        hearing = self.routes().hearing(transition.stream, known_by)
        if not hearing and known_by is not None:
            return
        told = self.composer.compose(transition, notice_id="")
        routes = [
            route for route in hearing if route.takes(told) and self._concerns(route, transition)
        ]
        if not routes:
            logger.info("notice.unrouted stream=%s kind=%s", transition.stream, transition.kind)
        for route in routes:
            self._queue(transition, route, told)

    def _concerns(self, route: Route, transition: Transition) -> bool:
        """Whether a route that is told of severe changes only was told of what is resolved."""
        if route.least is None or transition.kind is not TransitionKind.RESOLVED:
            return True
        return any(
            entry.state is not State.SKIPPED and _is_resolved_by(transition, entry.transition)
            for entry in self.ledger.of_route(transition.stream, route.name)
        )

    def _queue(self, transition: Transition, route: Route, told: Announcement) -> None:
        notice = Notice(stream=transition.stream, number=transition.number, route=route.name)
        now = self.clock()
        state = State.QUEUED if route.digest is None else State.HELD
        begun = Entry.begun(notice, transition, now, state=state)
        entry = self.ledger.change(notice, lambda present: None if present else begun)
        if entry is not None and entry.state not in {State.QUEUED, State.HELD}:
            logger.debug("notice.known id=%s", notice.id)
            return
        earliest = now + timedelta(seconds=self._patience_seconds(transition))
        at = next_send_time(route, told, earliest)
        if entry is not None and entry.state is State.HELD:
            self.held.add(notice, due_at=at)
        else:
            self.queue.send(encode(notice), delay_seconds=math.ceil((at - now).total_seconds()))
        logger.info(
            "notice.queued id=%s route=%s stream=%s kind=%s at=%s",
            notice.id,
            route.name,
            notice.stream,
            transition.kind,
            at,
        )

    def _patience_seconds(self, transition: Transition) -> int:
        if transition.kind is TransitionKind.RESOLVED:
            is_patient = transition.before != transition.image.digest
        else:
            is_patient = transition.stream.tag is None
        return self.patience_seconds if is_patient else 0


def _is_resolved_by(resolved: Transition, earlier: Transition) -> bool:
    """Whether an earlier transition made known what another resolves: the image, or the stream."""
    return (
        earlier.kind in UNHEALTHY_KINDS
        and earlier.at >= resolved.since
        and (earlier.stream == resolved.stream or earlier.image.digest == resolved.before)
    )
