"""How a run ended, beside what it was allowed to use."""

from dataclasses import dataclass
from enum import StrEnum

from scanner.model.limits import Limits

__all__ = ["Completed", "Exit", "Exited", "Killed", "Limits", "Stopped"]


class Stopped(StrEnum):
    """Why the supervisor ended a run."""

    TIMEOUT = "timeout"
    OUTPUT_LIMIT = "output-limit"
    MEMORY_LIMIT = "memory-limit"
    DISK_LIMIT = "disk-limit"
    DISMISSED = "dismissed"
    """A server that nobody will ask again; the end that it is meant to have."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The program ended by itself."""

    code: int


@dataclass(frozen=True, slots=True)
class Killed:
    """A signal that was not ours ended the program: it crashed, or met a kernel limit.

    SIGSYS is the system-call filter's: the program tried what only an attacker would.
    """

    signal: int


Exit = Exited | Killed | Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The end of a run. Both streams come from inside and are hostile."""

    exit: Exit
    untrusted_stdout: bytes
    """Whole, or what came before the limit when `exit` is `Stopped.OUTPUT_LIMIT`."""
    untrusted_stderr: bytes
    """Cut at its limit; a flood of it is no fault."""
