"""Everything that one process of the app uses."""

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scanner import attach_messages
from scanner.ancestry import Ancestries
from scanner.asking_registry import RegistryTurn
from scanner.due import due
from scanner.examination import Examiner
from scanner.exploit_updates import ExploitUpdates
from scanner.herald import Herald
from scanner.model import ImageReference
from scanner.pipeline import Pipeline
from scanner.publishing import Publisher
from scanner.reconcile import Reconciler
from scanner.rejudge_messages import RejudgeJob, encode_job, portions
from scanner.rejudging import Rejudger
from scanner.retiring import Retirement
from scanner.rulebooks import Rulebooks
from scanner.settings import Settings
from scanner.storage import StorageConnection
from scanner.storage.queue import MessageQueue
from scanner.sweeping import Sweeper
from scanner.verification import Verifier

if TYPE_CHECKING:
    from scanner.attaching import Attacher
    from scanner.bills import Bills
    from scanner.notify.digests import Digests
    from scanner.notify.notifier import Notifier
    from scanner.posture.archive import PostureArchive
    from scanner.posture.arm import Arm
    from scanner.registry import AcrRegistry
    from scanner.registry.pull_log import PullLog
    from scanner.store.azure_inventories import AzureInventoryStore
    from scanner.store.azure_store import AzureReportStore
    from scanner.store.unreadable import UnreadableMessages
    from scanner.trivy.scanner import TrivyScanner
    from scanner.trivy.shared import SharedAdvisories
    from scanner.wiring.delivery import Delivery
    from scanner.wiring.examining import Examining

from scanner.wiring.parts import (
    ATTACH_QUEUE,
    JOB_QUEUE,
    REJUDGE_QUEUE,
    arm,
    posture_archive,
    pull_log,
    rulebooks,
    storage_connection,
    sweeper,
)


class Wiring:
    """Everything that one process uses, built once and kept."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @functools.cached_property
    def job_queue(self) -> MessageQueue:
        """Where jobs wait for a worker."""
        return MessageQueue(self._storage.queue(JOB_QUEUE))

    @functools.cached_property
    def pipeline(self) -> Pipeline:
        """The flow for one job on real parts."""
        return Pipeline(
            examiner=self.examiner,
            publisher=self.publisher,
            ancestries=self._ancestries,
            clock=lambda: datetime.now(UTC),
        )

    @property
    def examiner(self) -> Examiner:
        """Pulls, analyses and matches."""
        return self._examining.examiner

    @functools.cached_property
    def bills(self) -> "Bills":
        """Says what stored images are made of."""
        from scanner.bills import Bills  # noqa: PLC0415  the webhook exports nothing

        return Bills(scanner=self.scanner, inventories=self.inventories)

    @functools.cached_property
    def attacher(self) -> "Attacher":
        """Attaches exports to images; the only part that writes to a registry."""
        from scanner.wiring.attaching import attacher  # noqa: PLC0415  likewise

        return attacher(self.settings, self.store, self.bills)

    def ask_to_attach(self, image: ImageReference) -> None:
        """Have an image's exports attached to it, if that is wanted. Raises StoreError."""
        if self.settings.attaching.kinds:
            queue = MessageQueue(self._storage.queue(ATTACH_QUEUE))
            queue.send(attach_messages.encode(image))

    @functools.cached_property
    def verifier(self) -> Verifier:
        """Examines again what a report is about; writes no report and tells nobody."""
        from scanner.trivy.pinned import find_pinned  # noqa: PLC0415  likewise

        directory = self.scanner.directory
        return Verifier(
            examiner=self.examiner,
            find_advisories=lambda wanted: find_pinned(directory, wanted),
            find_rulebook=self.rulebooks.find,
        )

    @functools.cached_property
    def retirement(self) -> Retirement:
        """The flow for one deletion."""
        return Retirement(
            registry=self.registry,
            publisher=self.publisher,
            enqueue=self.job_queue.send,
            clock=lambda: datetime.now(UTC),
        )

    @functools.cached_property
    def publisher(self) -> Publisher:
        """Stores and tells; needs storage alone, so it works where a scan does not."""
        return Publisher(store=self.store, herald=self.herald, rulebook=self.rulebooks.current)

    @functools.cached_property
    def herald(self) -> Herald:
        """Announces what has changed for whoever follows an image."""
        from scanner.store.azure_streams import TableStreams  # noqa: PLC0415  the webhook tells nobody

        return Herald(
            store=self.store,
            streams=TableStreams.connect(self._storage),
            outbox=self._delivery.outbox,
            clock=lambda: datetime.now(UTC),
        )

    @functools.cached_property
    def rulebooks(self) -> Rulebooks:
        """What decides; needs storage alone."""
        return rulebooks(self.settings.policy, self._storage)

    @functools.cached_property
    def exploit_updates(self) -> ExploitUpdates:
        """Looks for newer tables on exploits."""
        from scanner.wiring.upkeep import exploit_updates  # noqa: PLC0415  only who updates fetches

        return exploit_updates(self.settings, self.rulebooks)

    @functools.cached_property
    def rejudger(self) -> Rejudger:
        """Judges stored images again, without a registry."""
        return Rejudger(
            scanner=self.scanner,
            inventories=self.inventories,
            publisher=self.publisher,
            ancestries=self._ancestries,
            turn=self.registry_turn,
            later=self._rejudge_queue,
            clock=lambda: datetime.now(UTC),
            parts_at_once=self.settings.limits.processors,
        )

    @functools.cached_property
    def registry_turn(self) -> RegistryTurn:
        """Lets stored images into the queue of the pushes, a few at a time."""
        return RegistryTurn(
            jobs=self.job_queue, later=self._rejudge_queue, clock=lambda: datetime.now(UTC)
        )

    @functools.cached_property
    def _rejudge_queue(self) -> MessageQueue:
        return MessageQueue(self._storage.queue(REJUDGE_QUEUE))

    @functools.cached_property
    def sweeper(self) -> Sweeper:
        """Queues stored images to be judged again."""
        return sweeper(self._storage)

    def catch_up(self) -> None:
        """Have stored images judged again if advisories or policy are news. Safe to repeat.

        Raises AdvisoriesError where no usable advisories are in place, and StoreError.
        """
        from scanner.wiring.upkeep import catch_up  # noqa: PLC0415  the webhook opens no database

        catch_up(self.scanner, self.rulebooks, self.sweeper)

    def rejudge_due(self) -> None:
        """Have images judged again whose time has come. Safe to repeat. Raises StoreError."""
        for images in portions(list(due(self.store, datetime.now(UTC)))):
            self._rejudge_queue.send(encode_job(RejudgeJob(images=images)))

    @property
    def notifier(self) -> "Notifier":
        """Delivers queued notices."""
        return self._delivery.notifier

    @property
    def digests(self) -> "Digests":
        """Sends what is held for a digest."""
        return self._delivery.digests

    @functools.cached_property
    def unreadable_messages(self) -> "UnreadableMessages":
        """Keeps what no function could read."""
        from scanner.store.unreadable import UnreadableMessages  # noqa: PLC0415  likewise

        return UnreadableMessages.connect(self._storage)

    @functools.cached_property
    def reconciler(self) -> Reconciler:
        """Queues what no event brought."""
        from scanner.wiring.upkeep import reconciler  # noqa: PLC0415  likewise

        return reconciler(self.settings, self._storage, self.store, self.job_queue)

    def remove_old(self) -> None:
        """Remove what nobody will ask for any more. Safe to repeat, and to interrupt.

        Raises StoreError, and what naming this worker's profile raises.
        """
        from scanner.wiring.upkeep import remove_old  # noqa: PLC0415  likewise

        remove_old(self.settings, self._storage, self.scanner)

    @property
    def registry(self) -> "AcrRegistry":
        """The registries of the settings."""
        return self._examining.registry

    @functools.cached_property
    def posture_archive(self) -> "PostureArchive":
        """Assessments of the registries."""
        return posture_archive(self.settings.storage)

    def pulls(self) -> "PullLog | None":
        """Return who knows of pulls, if anybody does."""
        given = self.settings
        in_azure = given.storage.in_azure
        return pull_log(given.log_workspace, given.identity_client_id, in_azure=in_azure)

    def arm(self) -> "Arm":
        """Return a new session with Azure Resource Manager."""
        in_azure = self.settings.storage.in_azure
        return arm(self.settings.identity_client_id, in_azure=in_azure)

    @property
    def scanner(self) -> "TrivyScanner":
        """Trivy in its sandbox."""
        return self._examining.scanner

    @property
    def shared_advisories(self) -> "SharedAdvisories":
        """The advisory databases of this host, kept equal to those of all workers."""
        return self._examining.shared_advisories

    @functools.cached_property
    def store(self) -> "AzureReportStore":
        """Reports and verdicts."""
        from scanner.store.azure_store import AzureReportStore  # noqa: PLC0415  the webhook needs no store

        return AzureReportStore.connect(self._storage)

    @functools.cached_property
    def _ancestries(self) -> Ancestries:
        from scanner.store.ancestors import AzureAncestors  # noqa: PLC0415  the webhook judges nothing

        return Ancestries(store=self.store, ancestors=AzureAncestors.connect(self._storage))

    @property
    def inventories(self) -> "AzureInventoryStore":
        """What layers hold, kept."""
        return self._examining.inventories

    @functools.cached_property
    def _storage(self) -> StorageConnection:
        return storage_connection(self.settings.storage)

    @functools.cached_property
    def _delivery(self) -> "Delivery":
        from scanner.wiring.delivery import Delivery  # noqa: PLC0415  the webhook tells nobody

        return Delivery(self.settings.notices, self._storage, self.store)

    @functools.cached_property
    def _examining(self) -> "Examining":
        from scanner.wiring.examining import Examining  # noqa: PLC0415  the webhook opens no image

        return Examining(self.settings, self._storage)
