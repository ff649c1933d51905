"""What the commands take from outside themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from scanner import settings, wiring
from scanner.errors import SettingsError
from scanner.ports import ReportStore
from scanner.settings import StorageSettings

if TYPE_CHECKING:
    from scanner.posture.archive import PostureArchive
    from scanner.posture.arm import Arm


def connect_report_store(storage: StorageSettings) -> ReportStore:
    """Build the store; nothing is contacted yet. Raises SettingsError."""
    try:
        return wiring.report_store(storage)
    except ValueError:
        # No cause: the SDK might quote the key.
        raise SettingsError("settings: PUSHSCAN_STORAGE is not a connection string") from None


def _report_store_of_environment() -> ReportStore:
    return connect_report_store(settings.load_storage())


def _arm_of_environment() -> "Arm":
    client_id, in_azure = settings.load_identity()
    return wiring.arm(client_id, in_azure=in_azure)


def _posture_archive_of_environment() -> "PostureArchive":
    return wiring.posture_archive(settings.load_storage())


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The store and the clock; tests bring their own."""

    report_store: Callable[[], ReportStore] = _report_store_of_environment
    """Builds the store on first use. Raises SettingsError."""
    now: Callable[[], datetime] = _utc_now
    arm: "Callable[[], Arm]" = _arm_of_environment
    """Opens a session with Azure Resource Manager. Raises SettingsError."""
    posture_archive: "Callable[[], PostureArchive]" = _posture_archive_of_environment
    """Builds the archive on first use. Raises SettingsError."""


def surroundings(context: typer.Context) -> Surroundings:
    """Return what this run of the command was given, or the real ones."""
    return context.ensure_object(Surroundings)
