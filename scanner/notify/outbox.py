"""Queues what shall be told.

The ledger's row is written first, the message queued second. A crash between the two leaves a row
without a message; the transition is still pending in its stream then, and whoever repeats queues
it. A second message on the same row does no harm: the ledger lets one of them through.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from scanner.model import Transition, TransitionKind
from scanner.notify.ledger import Entry, Ledger, State, TableLedger
from scanner.notify.message import Notice, encode
from scanner.notify.route import Routes
from scanner.storage import StorageConnection
from scanner.storage.queue import MessageQueue
from scanner.voices import TOGETHER

logger = logging.getLogger(__name__)

QUEUE = "notices"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOutbox:
    """The Outbox port on a storage queue and the ledger."""

    queue: MessageQueue
    ledger: Ledger
    routes: Routes
    patience_seconds: int = int(TOGETHER.total_seconds())
    """How long something waits for what else comes of the same push.

    A push of several platforms sends their manifests first, untagged, and the index last; and one
    of several tags sends each on its own.
    """
    clock: Callable[[], datetime] = _now

    @classmethod
    def connect(cls, storage: StorageConnection, routes: Routes) -> Self:
        """Build the outbox; nothing is contacted before the first notice."""
        return cls(
            queue=MessageQueue(storage.queue(QUEUE)),
            ledger=TableLedger(storage.table_service()),
            routes=routes,
        )

    def announce(self, transition: Transition) -> None:
        """Queue it for each route that wants to know. Safe to repeat. Raises StoreError."""
        routes = self.routes.of(transition)
        if not routes:
            logger.info("notice.unrouted stream=%s kind=%s", transition.stream, transition.kind)
        for route in routes:
            self._queue(transition, route.name)

    def _queue(self, transition: Transition, route: str) -> None:
        notice = Notice(stream=transition.stream, number=transition.number, route=route)
        begun = Entry.queued(transition, self.clock())
        entry = self.ledger.change(notice, lambda present: None if present else begun)
        if entry is not None and entry.state is not State.QUEUED:
            logger.debug("notice.known id=%s", notice.id)
            return
        self.queue.send(encode(notice), delay_seconds=self._delay_seconds(transition))
        logger.info(
            "notice.queued id=%s route=%s stream=%s kind=%s",
            notice.id,
            route,
            transition.stream,
            transition.kind,
        )

    def _delay_seconds(self, transition: Transition) -> int:
        if transition.kind is TransitionKind.RESOLVED:
            is_patient = transition.before != transition.image.digest
        else:
            is_patient = transition.stream.tag is None
        return self.patience_seconds if is_patient else 0
