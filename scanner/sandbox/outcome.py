"""What a run may use, and how it ended."""

from dataclasses import dataclass
from enum import StrEnum

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use. All are hard: the kernel or the supervisor enforces each."""

    wall_seconds: float = 480.0
    memory_bytes: int = 1024 * _MIB
    """RLIMIT_DATA of each process. Not RLIMIT_AS: Go reserves a GiB of address space at start,
    and the advisory database is mapped whole. The supervisor holds anonymous and shared memory of
    all processes together to it too, at a look every 50 ms."""
    temporary_bytes: int = 512 * _MIB
    """Size of the private /tmp, and of any one file in it."""
    temporary_files: int = 20_000
    """Files and directories in the private /tmp, at a look every 50 ms."""
    stdout_bytes: int = 64 * _MIB
    stderr_bytes: int = _MIB
    processes: int = 256
    """Processes and threads; the kernel does not count them for root."""
    open_files: int = 256
    processors: int = 2


class Stopped(StrEnum):
    """Why the supervisor ended a run."""

    TIMEOUT = "timeout"
    OUTPUT_LIMIT = "output-limit"
    MEMORY_LIMIT = "memory-limit"
    DISK_LIMIT = "disk-limit"


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
