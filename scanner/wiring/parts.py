"""What needs a part of the settings only, one builder each."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scanner.policy_settings import PolicySettings
from scanner.rulebooks import Rulebooks
from scanner.storage import StorageConnection
from scanner.storage.directory import Directory
from scanner.storage.queue import MessageQueue
from scanner.storage_settings import StorageSettings
from scanner.sweeping import Sweeper

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from scanner.posture.archive import PostureArchive
    from scanner.posture.arm import Arm
    from scanner.registry.pull_log import PullLog
    from scanner.store.advisory_archive import AzureAdvisoryArchive
    from scanner.store.azure_store import AzureReportStore

JOB_QUEUE = "scan-jobs"
NOTICE_QUEUE = "notices"
ATTACH_QUEUE = "attach-jobs"
REJUDGE_QUEUE = "rejudge-jobs"
SWEEP_QUEUE = "rejudge-sweeps"
EVENT_QUEUE = "push-events"
"""Where Event Grid delivers a registry's events."""


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


def advisory_archive(settings: StorageSettings) -> "AzureAdvisoryArchive":
    """Return where the advisory databases of all workers are kept."""
    from scanner.store.advisory_archive import AzureAdvisoryArchive  # noqa: PLC0415  the webhook opens no image

    return AzureAdvisoryArchive.connect(storage_connection(settings))


def rulebooks(settings: PolicySettings, storage: StorageConnection) -> Rulebooks:
    """Return what decides about images; needs storage alone."""
    from scanner.store.azure_exploits import AzureExploitArchive  # noqa: PLC0415  the webhook judges nothing
    from scanner.store.azure_policies import AzurePolicyArchive, BlobPolicyFolder  # noqa: PLC0415  the webhook judges nothing

    return Rulebooks(
        folder=Directory(settings.directory)
        if settings.directory
        else BlobPolicyFolder.connect(storage),
        policy=settings.name,
        archive=AzurePolicyArchive.connect(storage),
        tables=AzureExploitArchive.connect(storage),
        clock=lambda: datetime.now(UTC),
    )


def sweeper(storage: StorageConnection) -> Sweeper:
    """Return what queues stored images to be judged again; needs storage alone."""
    from scanner.store.azure_lookups import AzureImageIndex  # noqa: PLC0415  the webhook judges nothing
    from scanner.store.azure_sweeps import AzureSweepStore  # noqa: PLC0415  likewise

    return Sweeper(
        sweeps=AzureSweepStore.connect(storage),
        images=AzureImageIndex.connect(storage),
        jobs=MessageQueue(storage.queue(REJUDGE_QUEUE)),
        steps=MessageQueue(storage.queue(SWEEP_QUEUE)),
        clock=lambda: datetime.now(UTC),
    )


def arm(client_id: str | None, *, in_azure: bool) -> "Arm":
    """Return a session with Azure Resource Manager; close it when done."""
    from scanner.posture.arm import Arm  # noqa: PLC0415  only who looks at posture asks ARM

    return Arm(credential=credential(client_id, in_azure=in_azure))


def pull_log(workspace: str | None, client_id: str | None, *, in_azure: bool) -> "PullLog | None":
    """Return who knows of pulls, where a workspace is set."""
    from scanner.registry.pull_log import PullLog  # noqa: PLC0415  likewise

    if workspace is None:
        return None
    return PullLog(
        credential=credential(client_id, in_azure=in_azure),
        workspace=workspace,
        client_id=client_id,
    )


def posture_archive(settings: StorageSettings) -> "PostureArchive":
    """Return where assessments are kept."""
    from scanner.posture.archive import PostureArchive  # noqa: PLC0415  likewise

    return PostureArchive.connect(storage_connection(settings))
