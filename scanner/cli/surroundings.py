"""What the commands take from outside themselves."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from scanner import settings, wiring
from scanner.advisory_ports import AdvisoryArchive
from scanner.bills import Bills
from scanner.errors import SettingsError
from scanner.model import Registries
from scanner.ports import Pulls, ReportStore
from scanner.settings import Settings
from scanner.storage_settings import StorageSettings
from scanner.sweeping import Sweeper
from scanner.trivy import SharedAdvisories
from scanner.verification import Verifier
from scanner.wiring import Operations
from scanner.wiring.checking import Checking

if TYPE_CHECKING:
    from scanner.posture.archive import PostureArchive
    from scanner.posture.arm import Arm


def connect_report_store(storage: StorageSettings) -> ReportStore:
    """Build the store; nothing is contacted yet. Raises SettingsError."""
    with _key_unsaid():
        return wiring.report_store(storage)


def connect_advisory_archive(storage: StorageSettings) -> AdvisoryArchive:
    """Build the archive; nothing is contacted yet. Raises SettingsError."""
    with _key_unsaid():
        return wiring.advisory_archive(storage)


def connect_shared_advisories(given: Settings) -> SharedAdvisories:
    """Build what updates the archive; nothing is contacted yet. Raises SettingsError."""
    with _key_unsaid():
        return wiring.Wiring(given).shared_advisories


@contextmanager
def _key_unsaid() -> Iterator[None]:
    try:
        yield
    except ValueError:
        # No cause: the SDK might quote the key.
        raise SettingsError("settings: PUSHSCAN_STORAGE is not a connection string") from None


def _report_store_of_environment() -> ReportStore:
    return connect_report_store(settings.load_storage())


def _sweeper_of_environment() -> Sweeper:
    return wiring.sweeper(wiring.storage_connection(settings.load_storage()))


def _operations_of_environment() -> Operations:
    try:
        return wiring.operations(settings.load_storage())
    except ValueError:
        # As above.
        raise SettingsError("settings: PUSHSCAN_STORAGE is not a connection string") from None


def _verifier_of_environment() -> Verifier:
    given = settings.load()
    try:
        return wiring.Wiring(given).verifier
    except ValueError:
        # As above.
        raise SettingsError("settings: PUSHSCAN_STORAGE is not a connection string") from None


def _bills_of_environment() -> Bills:
    given = settings.load()
    with _key_unsaid():
        return wiring.Wiring(given).bills


def _checking_of_environment() -> Checking:
    return Checking(settings=settings.load_check())


def _arm_of_environment() -> "Arm":
    client_id, in_azure = settings.load_identity()
    return wiring.arm(client_id, in_azure=in_azure)


def _pulls_of_environment() -> Pulls | None:
    client_id, in_azure = settings.load_identity()
    return wiring.pull_log(settings.load_log_workspace(), client_id, in_azure=in_azure)


def _posture_archive_of_environment() -> "PostureArchive":
    return wiring.posture_archive(settings.load_storage())


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The stores and the clock; tests bring their own."""

    report_store: Callable[[], ReportStore] = _report_store_of_environment
    """Builds the store on first use. Raises SettingsError."""
    sweeper: Callable[[], Sweeper] = _sweeper_of_environment
    """Builds what queues images to be judged again. Raises SettingsError."""
    operations: Callable[[], Operations] = _operations_of_environment
    """Builds what operators act on. Raises SettingsError."""
    verifier: Callable[[], Verifier] = _verifier_of_environment
    """Builds what examines again. Raises SettingsError."""
    bills: Callable[[], Bills] = _bills_of_environment
    """Builds what says what images are made of. Raises SettingsError."""
    checking: Callable[[], Checking] = _checking_of_environment
    """Builds what examines an image here. Raises SettingsError."""
    registries: Callable[[], Registries] = settings.load_registries
    """Reads which registries are ours. Raises SettingsError."""
    pulls: Callable[[], Pulls | None] = _pulls_of_environment
    """Returns who knows of pulls; None where no workspace is set. Raises SettingsError."""
    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    arm: "Callable[[], Arm]" = _arm_of_environment
    """Opens a session with Azure Resource Manager. Raises SettingsError."""
    posture_archive: "Callable[[], PostureArchive]" = _posture_archive_of_environment
    """Builds the archive on first use. Raises SettingsError."""


def surroundings(context: typer.Context) -> Surroundings:
    """Return what this run of the command was given, or the real ones."""
    return context.ensure_object(Surroundings)
