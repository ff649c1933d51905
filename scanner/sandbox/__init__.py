"""The only place that starts processes: blind, bounded, and gone when the worker is gone."""

from scanner.sandbox.bubblewrap import Bubblewrap
from scanner.sandbox.choice import Preference, Sandbox, choose
from scanner.sandbox.landlock import Landlock
from scanner.sandbox.outcome import Completed, Exit, Exited, Killed, Limits, Stopped
from scanner.sandbox.service import Service, ServiceEndedError
from scanner.sandbox.unconfined import run_trusted

__all__ = [
    "Bubblewrap",
    "Completed",
    "Exit",
    "Exited",
    "Killed",
    "Landlock",
    "Limits",
    "Preference",
    "Sandbox",
    "Service",
    "ServiceEndedError",
    "Stopped",
    "choose",
    "run_trusted",
]
