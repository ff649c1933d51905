"""Delivers one queued notice: claim it, compose it from the stored reports, send it, say so."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, Self

from scanner.covering import is_followed
from scanner.errors import InvalidMessageError, NoticeError
from scanner.model import Transition
from scanner.notify import cloud_event, message
from scanner.notify.composer import Composer
from scanner.notify.ledger import Entry, Ledger, State, TableLedger
from scanner.notify.message import Notice
from scanner.notify.route import Route, Routes
from scanner.notify.webhook import Webhook
from scanner.ports import ReportStore
from scanner.storage import StorageConnection

logger = logging.getLogger(__name__)


class Channel(Protocol):
    """Whatever takes a composed notice to people."""

    def send(self, route: Route, *, notice_id: str, body: bytes) -> None:
        """Hand over one notice. Raises NoticeError unless it was accepted."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Consumes queue `notices` and its poison queue. Safe to run twice on one message."""

    store: ReportStore
    ledger: Ledger
    channel: Channel
    routes: Routes
    clock: Callable[[], datetime] = _now

    @classmethod
    def connect(cls, storage: StorageConnection, store: ReportStore, routes: Routes) -> Self:
        """Build the notifier with HTTPS webhooks; nothing is contacted before the first message."""
        return cls(
            store=store,
            ledger=TableLedger(storage.table_service()),
            channel=Webhook(),
            routes=routes,
        )

    def deliver(self, untrusted_message: bytes) -> None:
        """Deliver one notice, unless it was delivered before or an index speaks for the image.

        Raises InvalidMessageError for a message that is not ours, NoticeError when the channel
        refused it or another worker is just sending it, StoreError: the queue then tries again.
        """
        notice = message.decode(untrusted_message)
        transition = self._transition_of(notice)
        route = self.routes.find(notice.route)
        if route is None or self._is_covered(transition):
            self._settle(notice, State.SKIPPED)
            logger.info("notice.skipped id=%s stream=%s", notice.id, notice.stream)
            return
        # All that can fail for lack of storage comes before the claim, which would be left behind.
        announcement = Composer(store=self.store).compose(transition, notice_id=notice.id)
        body = cloud_event.compose(announcement)
        if self._claim(notice):
            self._send(notice, route, body=body)

    def record_undelivered(self, untrusted_message: bytes) -> None:
        """Record a notice from the poison queue as failed. A bad message is logged and dropped.

        Raises StoreError only.
        """
        try:
            notice = message.decode(untrusted_message)
        except InvalidMessageError as error:
            logger.error("notice.refused bytes=%d fault=%s", len(untrusted_message), error)  # noqa: TRY400  the fault is the sender's, our stack explains nothing
            return
        entry = self._settle(notice, State.FAILED)
        if entry is not None and entry.state is State.FAILED:
            logger.error(
                "notice.failed id=%s stream=%s attempts=%d last_error=%r",
                notice.id,
                notice.stream,
                entry.attempts,
                entry.last_error,
            )

    def _transition_of(self, notice: Notice) -> Transition:
        # Who can write to the queue can still only make us tell what has come about.
        entry = self.ledger.find(notice)
        if entry is None:
            raise InvalidMessageError("is none that was announced", field="number")
        return entry.transition

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

    def _is_covered(self, transition: Transition) -> bool:
        """Whether an image that had no tag turned out to be a platform of an index."""
        if transition.stream.tag is not None:
            return False
        current = self.store.current(transition.image)
        return (
            current is not None and not current.was_tagged and not is_followed(self.store, current)
        )

    def _send(self, notice: Notice, route: Route, *, body: bytes) -> None:
        try:
            self.channel.send(route, notice_id=notice.id, body=body)
        except NoticeError as error:
            self._settle(notice, State.QUEUED, error=str(error))
            raise
        entry = self._settle(notice, State.SENT)
        logger.info(
            "notice.sent id=%s route=%s stream=%s attempts=%d",
            notice.id,
            route.name,
            notice.stream,
            entry.attempts if entry else 0,
        )

    def _settle(self, notice: Notice, state: State, *, error: str = "") -> Entry | None:
        def settled(present: Entry | None) -> Entry | None:
            # Once told is told: no late failure of another attempt takes that back.
            if present is None or present.state is State.SENT:
                return None
            return present.settled(state, self.clock(), error=error)

        return self.ledger.change(notice, settled)
