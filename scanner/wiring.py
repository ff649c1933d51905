"""The composition root: builds each collaborator on first use, from the settings.

SDKs are imported when they are needed and not before: ACR gives the webhook 5 seconds, and a cold
start is part of them.
"""

import functools
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.pipeline import Pipeline
from scanner.publishing import Publisher
from scanner.scratch import Scratch
from scanner.settings import Settings, StorageSettings
from scanner.storage import StorageConnection
from scanner.storage.queue import MessageQueue

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from scanner.notify.notifier import Notifier
    from scanner.notify.outbox import QueueOutbox
    from scanner.posture.archive import PostureArchive
    from scanner.posture.arm import Arm
    from scanner.registry import AcrRegistry
    from scanner.store.azure_store import AzureReportStore
    from scanner.store.unreadable import UnreadableMessages
    from scanner.trivy.scanner import TrivyScanner

JOB_QUEUE = "scan-jobs"
NOTICE_QUEUE = "notices"


def credential(client_id: str | None, *, in_azure: bool) -> "TokenCredential":
    """Return the managed identity in Azure, and on a developer's machine their own sign-in."""
    from azure.identity import (  # noqa: PLC0415  a quarter of a second at start
        AzureCliCredential,
        AzureDeveloperCliCredential,
        ChainedTokenCredential,
        ManagedIdentityCredential,
    )

    if in_azure:
        # The SDK would wait 300 s for an answer that comes from this very host.
        return ManagedIdentityCredential(
            client_id=client_id, connection_timeout=5, read_timeout=10, retry_total=2
        )
    return ChainedTokenCredential(AzureCliCredential(), AzureDeveloperCliCredential())


def storage_connection(settings: StorageSettings) -> StorageConnection:
    """Return how to reach storage: by connection string on one machine, by identity in Azure."""
    if settings.connection_string:
        return StorageConnection(connection_string=settings.connection_string)
    return StorageConnection(
        blob_uri=settings.blob_uri,
        queue_uri=settings.queue_uri,
        table_uri=settings.table_uri,
        credential=credential(settings.client_id, in_azure=settings.in_azure),
    )


def report_store(settings: StorageSettings) -> "AzureReportStore":
    """Return the store of reports and verdicts."""
    from scanner.store.azure_store import AzureReportStore  # noqa: PLC0415  the webhook needs no store

    return AzureReportStore.connect(storage_connection(settings))


def arm(client_id: str | None, *, in_azure: bool) -> "Arm":
    """Return a session with Azure Resource Manager; close it when done."""
    from scanner.posture.arm import Arm  # noqa: PLC0415  only who looks at posture asks ARM

    return Arm(credential=credential(client_id, in_azure=in_azure))


def posture_archive(settings: StorageSettings) -> "PostureArchive":
    """Return where assessments are kept."""
    from scanner.posture.archive import PostureArchive  # noqa: PLC0415  likewise

    return PostureArchive.connect(storage_connection(settings))


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
            registry=self.registry,
            scanner=self.scanner,
            publisher=self.publisher,
            scratch=self._scratch.path,
            clock=lambda: datetime.now(UTC),
        )

    @functools.cached_property
    def publisher(self) -> Publisher:
        """Stores and tells; needs storage alone, so it works where a scan does not."""
        return Publisher(store=self.store, outbox=self._outbox, policy=self.settings.policy)

    @functools.cached_property
    def notifier(self) -> "Notifier":
        """Delivers queued notices."""
        from scanner.notify.notifier import Notifier  # noqa: PLC0415  the webhook sends no notice

        return Notifier.connect(self._storage, self.store, self.settings.routes)

    @functools.cached_property
    def unreadable_messages(self) -> "UnreadableMessages":
        """Keeps what no function could read."""
        from scanner.store.unreadable import UnreadableMessages  # noqa: PLC0415  likewise

        return UnreadableMessages.connect(self._storage)

    @functools.cached_property
    def registry(self) -> "AcrRegistry":
        """The registries of the settings."""
        from scanner.registry import AcrRegistry  # noqa: PLC0415  the webhook asks no registry

        return AcrRegistry(
            credential=credential(
                self.settings.identity_client_id, in_azure=self.settings.storage.in_azure
            ),
            registries=self.settings.registries.canonical,
            ca_file=self.settings.ca_file,
            blob_hosts=self.settings.blob_hosts,
        )

    @functools.cached_property
    def posture_archive(self) -> "PostureArchive":
        """Assessments of the registries."""
        return posture_archive(self.settings.storage)

    def arm(self) -> "Arm":
        """Return a new session with Azure Resource Manager."""
        in_azure = self.settings.storage.in_azure
        return arm(self.settings.identity_client_id, in_azure=in_azure)

    @functools.cached_property
    def scanner(self) -> "TrivyScanner":
        """Trivy in its sandbox."""
        from scanner.trivy.advisories import AdvisoryDirectory  # noqa: PLC0415  the webhook opens no image
        from scanner.trivy.scanner import TrivyScanner  # noqa: PLC0415  likewise

        return TrivyScanner(
            trivy=self.settings.trivy,
            sandbox=self.settings.sandbox,
            bubblewrap=self.settings.bubblewrap,
            directory=AdvisoryDirectory(self.settings.advisories),
            limits=self.settings.limits,
        )

    @functools.cached_property
    def store(self) -> "AzureReportStore":
        """Reports and verdicts."""
        from scanner.store.azure_store import AzureReportStore  # noqa: PLC0415  the webhook needs no store

        return AzureReportStore.connect(self._storage)

    @functools.cached_property
    def _scratch(self) -> Scratch:
        return Scratch.claim(Path(tempfile.gettempdir(), f"pushscan-{os.geteuid()}"))

    @functools.cached_property
    def _storage(self) -> StorageConnection:
        return storage_connection(self.settings.storage)

    @functools.cached_property
    def _outbox(self) -> "QueueOutbox":
        from scanner.notify.outbox import QueueOutbox  # noqa: PLC0415  the webhook tells nobody

        return QueueOutbox.connect(self._storage, self.settings.routes)
