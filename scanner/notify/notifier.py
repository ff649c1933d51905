"""Delivers one queued notice: claim it, compose it from the stored report, send it, say so."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, Self

from scanner.errors import InvalidMessageError, NoticeError
from scanner.model import ImageReference, Report
from scanner.notify import cloud_event, message
from scanner.notify.ledger import Entry, Ledger, State, TableLedger
from scanner.notify.message import Notice, notice_on, resolution_of, resolved_by, sent_id
from scanner.notify.route import Route, Routes, route_name
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
        report = self._report_of(notice)
        route = self._route_for(report)
        if route is None or self._is_outdated(report) or self._is_covered(report):
            self._settle(notice, State.SKIPPED)
            logger.info("notice.skipped id=%s image=%s", notice.id, report.image)
            return
        # All that can fail for lack of storage comes before the claim, which would be left behind.
        known = self.ledger.find(notice)
        notice_id = sent_id(notice, known.resolved_count if known else 0)
        body = self._compose(notice_id, report)
        if self._claim(notice):
            self._send(notice, route, notice_id=notice_id, body=body)

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
        if entry.state is State.FAILED:
            logger.error(
                "notice.failed id=%s image=%s attempts=%d last_error=%r",
                notice.id,
                notice.image,
                entry.attempts,
                entry.last_error,
            )

    def _report_of(self, notice: Notice) -> Report:
        report = self.store.find_report(notice.report_id)
        if report is None:
            raise InvalidMessageError("names no stored report", field="report_id")
        # Who can write to the queue can still only make us tell what is stored.
        due = {(due.id, str(due.image)) for due in self._due(report)}
        if (notice.id, str(notice.image)) not in due:
            raise InvalidMessageError("does not belong to the report", field="id")
        return report

    def _due(self, report: Report) -> list[Notice]:
        told = resolved_by(report)
        if told is None:
            notice = notice_on(report)
            return [notice] if notice else []
        entry = self.ledger.find(told)
        # The count goes up when the resolution has been queued, which may be before or after now.
        counts = {entry.resolved_count - 1, entry.resolved_count} if entry else set()
        return [resolution_of(told, count) for count in counts]

    def _claim(self, notice: Notice) -> bool:
        """Take the lease; False when it was told before. Raises NoticeError if others hold it."""
        holder = uuid.uuid4().hex

        def claimed(present: Entry | None) -> Entry | None:
            now = self.clock()
            entry = present or Entry.queued(notice, now)
            if entry.state is State.SENT or entry.is_leased_to_another(holder, now):
                return None
            # Already ours when the answer to the first try was lost on its way.
            return entry if entry.lease_holder == holder else entry.leased(holder, now)

        entry = self.ledger.change(notice, claimed)
        if entry is None or entry.state is State.SENT:
            logger.info("notice.repeated id=%s", notice.id)
            return False
        if entry.lease_holder != holder:
            raise NoticeError(f"notice {notice.id} is being sent by another worker")
        return True

    def _route_for(self, report: Report) -> Route | None:
        name = "images" if resolved_by(report) else route_name(report.verdict.status)
        return self.routes.find(name) if name else None

    def _is_outdated(self, report: Report) -> bool:
        """Whether something else is said of the image by now."""
        current = self.store.current(report.image)
        said = report.verdict
        return current is not None and (current.status, current.reason) != (
            said.status,
            str(said.reason or ""),
        )

    def _is_covered(self, report: Report) -> bool:
        """Whether an untagged image belongs to an index that the same people are told of."""
        current = self.store.current(report.image)
        if current is None or current.image.tag or report.image.tag or current.part_of is None:
            return False
        image = report.image
        index = self.store.current(
            ImageReference(
                registry=image.registry, repository=image.repository, digest=current.part_of
            )
        )
        if index is None or route_name(index.status) != route_name(report.verdict.status):
            return False
        index_report = self.store.find_report(index.report_id)
        # An index that was judged before this platform turned unhealthy does not speak for it.
        return index_report is not None and any(
            entry.report_id == report.id for entry in index_report.platforms
        )

    def _compose(self, notice_id: str, report: Report) -> bytes:
        current = self.store.current(report.image)
        tag = current.image.tag if current else report.image.tag
        return cloud_event.compose(report, notice_id=notice_id, tag=tag)

    def _send(self, notice: Notice, route: Route, *, notice_id: str, body: bytes) -> None:
        try:
            self.channel.send(route, notice_id=notice_id, body=body)
        except NoticeError as error:
            self._settle(notice, State.QUEUED, error=str(error))
            raise
        entry = self._settle(notice, State.SENT)
        logger.info(
            "notice.sent id=%s route=%s image=%s attempts=%d",
            notice_id,
            route.name,
            notice.image,
            entry.attempts,
        )

    def _settle(self, notice: Notice, state: State, *, error: str = "") -> Entry:
        def settled(present: Entry | None) -> Entry | None:
            now = self.clock()
            entry = present or Entry.queued(notice, now)
            # Once told is told: no late failure of another attempt takes that back.
            if entry.state is State.SENT:
                return None
            # A late copy of what was told before must not make it look as if it never was.
            if entry.state is State.RESOLVED and state is State.SKIPPED:
                return None
            return entry.settled(state, now, error=error)

        entry = self.ledger.change(notice, settled)
        return entry or Entry.queued(notice, self.clock())
