"""What timers use: to find what was missed, to follow what is newer, to remove what is old."""

from datetime import UTC, datetime, timedelta

from scanner.download import Download
from scanner.exploit_updates import ExploitUpdates
from scanner.ports import ImageScanner, JobQueue, ReportStore
from scanner.reconcile import Reconciler
from scanner.registry.catalogue import AcrCatalogue
from scanner.rulebooks import Rulebooks
from scanner.settings import Settings
from scanner.storage import StorageConnection
from scanner.store.old_history import OldHistory
from scanner.store.old_inventories import OldInventories
from scanner.store.sightings import TableSightings
from scanner.sweeping import Sweeper
from scanner.trivy.changes import changes_since
from scanner.trivy.scanner import TrivyScanner
from scanner.wiring.parts import credential


def _now() -> datetime:
    return datetime.now(UTC)


def reconciler(
    settings: Settings, storage: StorageConnection, store: ReportStore, queue: JobQueue
) -> Reconciler:
    """Return what queues what no event brought."""
    return Reconciler(
        catalogue=AcrCatalogue(
            credential=credential(settings.identity_client_id, in_azure=settings.storage.in_azure),
            registries=settings.registries.canonical,
            ca_file=settings.ca_file,
        ),
        store=store,
        sightings=TableSightings.connect(storage),
        queue=queue,
        registries=settings.registries.canonical,
        choice=settings.reconciling.choice,
        clock=_now,
    )


def exploit_updates(settings: Settings, rulebooks: Rulebooks) -> ExploitUpdates:
    """Return what looks for newer tables on exploits."""
    return ExploitUpdates(
        sources=settings.exploits.sources,
        downloads=Download(ca_file=settings.ca_file),
        tables=rulebooks.tables,
        policies=rulebooks.archive,
        clock=_now,
    )


def catch_up(scanner: TrivyScanner, rulebooks: Rulebooks, sweeper: Sweeper) -> None:
    """Have stored images judged again if advisories or policy are news. Safe to repeat.

    Raises AdvisoriesError where no usable advisories are in place, and StoreError.
    """
    advisories, rulebook = scanner.advisories(), rulebooks.current()
    sweeper.catch_up(
        advisories,
        rulebook.applied(tag=None),
        lambda before: changes_since(before, advisories, scanner.directory),
        lambda before: rulebooks.changes(before, rulebook),
    )


def remove_old(settings: Settings, storage: StorageConnection, scanner: ImageScanner) -> None:
    """Remove what nobody will ask for any more. Safe to repeat, and to interrupt.

    Raises StoreError, and what naming this worker's profile raises.
    """
    OldHistory.connect(storage, _now).remove(timedelta(days=settings.history_days))
    in_use = scanner.profile(scanner.advisories())
    OldInventories.connect(storage, _now).remove(in_use)
