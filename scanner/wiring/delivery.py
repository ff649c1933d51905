"""What brings transitions to people; its parts share one ledger and one table of routes."""

from functools import cached_property

from scanner.notify.composer import Composer
from scanner.notify.digests import Digests
from scanner.notify.held import HeldNotices
from scanner.notify.ledger import TableLedger
from scanner.notify.notifier import Notifier
from scanner.notify.outbox import QueueOutbox
from scanner.ports import ReportStore
from scanner.route_settings import NoticeSettings
from scanner.storage import StorageConnection
from scanner.storage.queue import MessageQueue
from scanner.store.azure_policies import AzurePolicyArchive
from scanner.wiring.parts import NOTICE_QUEUE
from scanner.wiring.routes import current_routes


class Delivery:
    """Built once a process, so that channels remember what they sent."""

    def __init__(
        self, settings: NoticeSettings, storage: StorageConnection, store: ReportStore
    ) -> None:
        """Nothing is contacted before the first notice."""
        tables = storage.table_service()
        self._composer = Composer(
            store=store,
            policies=AzurePolicyArchive.connect(storage),
            link=settings.report_link,
        )
        self._ledger = TableLedger(tables)
        self._held = HeldNotices(tables)
        self._queue = MessageQueue(storage.queue(NOTICE_QUEUE))
        self._routes = current_routes(settings, storage)

    @cached_property
    def outbox(self) -> QueueOutbox:
        """Queues what shall be told."""
        return QueueOutbox(
            composer=self._composer,
            queue=self._queue,
            ledger=self._ledger,
            held=self._held,
            routes=self._routes,
        )

    @cached_property
    def notifier(self) -> Notifier:
        """Delivers queued notices."""
        return Notifier(
            composer=self._composer, ledger=self._ledger, queue=self._queue, routes=self._routes
        )

    @cached_property
    def digests(self) -> Digests:
        """Sends what is held for a digest."""
        return Digests(
            composer=self._composer,
            ledger=self._ledger,
            held=self._held,
            queue=self._queue,
            routes=self._routes,
        )
