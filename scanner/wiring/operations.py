"""What operators look at and act on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scanner.ports import HeldMessages, JobQueue, ReportStore, Sightings, Undelivered
from scanner.ports.policies import PolicyArchive
from scanner.storage.queue import MessageQueue
from scanner.storage_settings import StorageSettings
from scanner.wiring.parts import JOB_QUEUE, storage_connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """What operators look at and act on; needs storage alone."""

    store: ReportStore
    jobs: JobQueue
    poison: HeldMessages
    unreadable: HeldMessages
    sightings: Sightings
    undelivered: Callable[[], Sequence[Undelivered]]
    """Returns what no channel took, route by route. Raises StoreError."""
    policies: PolicyArchive
    routes_fault: Callable[[], str]
    """Returns why workers refuse the routes as they are written, or nothing. Raises StoreError."""


def operations(settings: StorageSettings) -> Operations:
    """Return what operators look at and act on."""
    from scanner.notify.ledger import TableLedger  # noqa: PLC0415  the webhook needs none
    from scanner.notify.routes.kept import KeptRoutes  # noqa: PLC0415  likewise
    from scanner.storage.poison import PoisonQueue  # noqa: PLC0415  likewise
    from scanner.store.azure_policies import AzurePolicyArchive  # noqa: PLC0415  likewise
    from scanner.store.azure_store import AzureReportStore  # noqa: PLC0415  likewise
    from scanner.store.sightings import TableSightings  # noqa: PLC0415  likewise
    from scanner.store.unreadable import UnreadableMessages  # noqa: PLC0415  likewise

    storage = storage_connection(settings)
    ledger = TableLedger(storage.table_service())
    return Operations(
        store=AzureReportStore.connect(storage),
        jobs=MessageQueue(storage.queue(JOB_QUEUE)),
        poison=PoisonQueue(storage.queue(f"{JOB_QUEUE}-poison")),
        unreadable=UnreadableMessages.connect(storage),
        sightings=TableSightings.connect(storage),
        undelivered=ledger.undelivered,
        policies=AzurePolicyArchive.connect(storage),
        routes_fault=KeptRoutes(storage.blob_service(), storage.table_service()).fault,
    )
