"""A queue of notices on Azurite, and all that fills and empties it."""

import contextlib
import uuid
from dataclasses import replace
from typing import Protocol

from azure.core.exceptions import ResourceNotFoundError

from scanner.model import Report
from scanner.notify.composer import Composer
from scanner.notify.held import HeldNotices
from scanner.notify.ledger import TableLedger
from scanner.notify.notifier import Notifier
from scanner.notify.outbox import QueueOutbox
from scanner.notify.routes.route import RouteTable
from scanner.storage import StorageConnection
from scanner.storage.queue import MessageQueue
from tests.fakes import InMemoryReportStore, RecordingChannel, two_routes


class RunningAzurite(Protocol):
    """What is needed of the fixture."""

    connection_string: str


class Post:
    """A queue of its own, outboxes that write to it and a notifier that empties it."""

    def __init__(self, connection_string: str) -> None:
        """Begin with nothing: neither the queue nor, on a fresh Azurite, the table is there."""
        self.connection = StorageConnection(connection_string=connection_string)
        self.queue = self.connection.queue(f"notices-{uuid.uuid4().hex}")
        self.ledger = TableLedger(self.connection.table_service())
        self.store = InMemoryReportStore()
        self.channel = RecordingChannel()
        self.registry = f"r{uuid.uuid4().hex}.azurecr.io"

    def own(self, report: Report) -> Report:
        """Store a report under this test's own registry, since the table is shared."""
        own = replace(report, image=replace(report.image, registry=self.registry))
        self.store.save(own)
        return own

    def outbox(self, *, patience_seconds: int = 0) -> QueueOutbox:
        """Return an outbox as another worker would have it."""
        tables = self.connection.table_service()
        return QueueOutbox(
            composer=Composer(store=self.store),
            queue=MessageQueue(self.queue),
            ledger=TableLedger(tables),
            held=HeldNotices(tables),
            routes=lambda: two_routes(self.channel),
            patience_seconds=patience_seconds,
        )

    def notifier(self, routes: RouteTable | None = None) -> Notifier:
        """Return a notifier as another worker would have it."""
        return Notifier(
            composer=Composer(store=self.store),
            ledger=TableLedger(self.connection.table_service()),
            queue=MessageQueue(self.queue),
            routes=lambda: routes or two_routes(self.channel),
        )

    def messages(self) -> list[bytes]:
        """Take all messages that are visible now."""
        taken = []
        # No message was ever sent where the queue is not there.
        with contextlib.suppress(ResourceNotFoundError):
            for message in self.queue.receive_messages(visibility_timeout=60):
                self.queue.delete_message(message)
                taken.append(str(message.content).encode())
        return taken
