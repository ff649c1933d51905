"""Queues what shall be told.

The message is queued first, the ledger's row written second. A crash between the two leaves a
message without a row, and whoever repeats queues a second message; the ledger lets one of them
through. The other order could leave a row without a message: a notice lost.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from scanner.errors import NoticeError
from scanner.model import Report
from scanner.notify.ledger import Entry, Ledger, State, TableLedger
from scanner.notify.message import Notice, encode, notice_on, resolution_of, resolved_by
from scanner.notify.route import Routes, route_name
from scanner.storage import StorageConnection
from scanner.storage.queue import MessageQueue

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
    untagged_delay_seconds: int = 60
    """How long a notice on an untagged image waits for the index that may cover it.

    A push of several platforms sends their manifests first, untagged, and the index last.
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

    def announce(self, report: Report) -> None:
        """Queue a notice about this report unless it calls for none or is known. Safe to repeat.

        Unhealthy images are told of to the images' route, unknown ones to the operators'. A deleted
        image is told of where it was last told to be unhealthy. Raises StoreError when queue or
        ledger are out of reach, and NoticeError while that notice is just being sent.
        """
        if told := resolved_by(report):
            self._resolve(told)
            return
        notice, name = notice_on(report), route_name(report.verdict.status)
        if notice is None or name is None:
            return
        if self.routes.find(name) is None:
            logger.info("notice.unrouted route=%s image=%s", name, report.image)
            return
        if self._is_known(notice):
            logger.debug("notice.known id=%s", notice.id)
            return
        delay_seconds = 0 if report.image.tag else self.untagged_delay_seconds
        self.queue.send(encode(notice), delay_seconds=delay_seconds)
        self.ledger.change(notice, lambda present: self._queued(notice, present))
        logger.info("notice.queued id=%s route=%s image=%s", notice.id, name, report.image)

    def _resolve(self, told: Notice) -> None:
        entry = self.ledger.find(told)
        if entry is not None and entry.is_leased_to_another("", self.clock()):
            raise NoticeError(f"notice {told.id} is being sent; whether it was is not known yet")
        if entry is None or entry.state is not State.SENT:
            return
        resolution = resolution_of(told, entry.resolved_count)
        if self.ledger.find(resolution) is None:
            self.queue.send(encode(resolution))
            self.ledger.change(resolution, lambda present: self._queued(resolution, present))
        # Last: whoever repeats after a crash finds it sent, and the resolution known.
        self.ledger.change(told, self._resolved)
        logger.info("notice.resolved id=%s image=%s", told.id, told.image)

    def _resolved(self, present: Entry | None) -> Entry | None:
        if present is None or present.state is not State.SENT:
            return None
        return present.resolved(self.clock())

    def _is_known(self, notice: Notice) -> bool:
        entry = self.ledger.find(notice)
        # Why one was skipped may have passed: an index gone, a tag given, a deleted image back.
        return entry is not None and entry.state in {State.QUEUED, State.SENT}

    def _queued(self, notice: Notice, present: Entry | None) -> Entry | None:
        if present is None:
            return Entry.queued(notice, self.clock())
        if present.state in {State.FAILED, State.SKIPPED, State.RESOLVED}:
            return present.settled(State.QUEUED, self.clock())
        # A worker was quicker with our message, or with another one on the same notice.
        return None
