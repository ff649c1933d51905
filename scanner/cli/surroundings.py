"""What the commands take from outside themselves."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from scanner import settings, wiring
from scanner.errors import SettingsError
from scanner.model import Registries
from scanner.ports import ReportStore
from scanner.settings import StorageSettings
from scanner.verification import Verifier
from scanner.wiring import Operations


def connect_report_store(storage: StorageSettings) -> ReportStore:
    """Build the store; nothing is contacted yet. Raises SettingsError."""
    try:
        return wiring.report_store(storage)
    except ValueError:
        # No cause: the SDK might quote the key.
        raise SettingsError("settings: PUSHSCAN_STORAGE is not a connection string") from None


def _report_store_of_environment() -> ReportStore:
    return connect_report_store(settings.load_storage())


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


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The stores and the clock; tests bring their own."""

    report_store: Callable[[], ReportStore] = _report_store_of_environment
    """Builds the store on first use. Raises SettingsError."""
    operations: Callable[[], Operations] = _operations_of_environment
    """Builds what operators act on. Raises SettingsError."""
    verifier: Callable[[], Verifier] = _verifier_of_environment
    """Builds what examines again. Raises SettingsError."""
    registries: Callable[[], Registries] = settings.load_registries
    """Reads which registries are ours. Raises SettingsError."""
    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def surroundings(context: typer.Context) -> Surroundings:
    """Return what this run of the command was given, or the real ones."""
    return context.ensure_object(Surroundings)
