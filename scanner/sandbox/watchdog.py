"""What a running tree of processes uses of what the kernel does not limit for it."""

import os
from collections.abc import Iterator
from contextlib import suppress

from scanner.sandbox.outcome import Limits, Stopped
from scanner.sandbox.user import acting_as

_KIB = 1 << 10
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def excess_memory(root: int, limits: Limits) -> Stopped | None:
    """Judge the memory of everything below a process.

    RLIMIT_DATA holds for each process alone, and counts no shared memory and no page tables. Pages
    of files are not counted here either: the advisory database is mapped whole. A shared page
    counts once for each process that maps it; under the filter there is but one.
    """
    used = sum(_resident_bytes(pid) for pid in descendants(root))
    return Stopped.MEMORY_LIMIT if used > limits.memory_bytes else None


def excess_processor_time(root: int, limits: Limits) -> Stopped | None:
    """Judge the processor time of everything that is, or was, below a process.

    RLIMIT_CPU holds for each process alone, and its end is a bare SIGKILL.
    """
    used = sum(_processor_ticks(pid) for pid in descendants(root))
    return Stopped.TIMEOUT if used > limits.cpu_seconds * _TICKS_PER_SECOND else None


def excess_files(root: int, limits: Limits, uid: int | None) -> Stopped | None:
    """Judge how many files are in the private /tmp of the mount namespace below a process.

    The size of a tmpfs bounds only its contents: 400,000 empty files fit in 64 MiB, and each takes
    kernel memory. Nothing is judged while there is no namespace yet.
    """
    host = os.stat("/tmp").st_dev  # noqa: PTH116, S108 - the host's, 20 times a second
    processes = list(descendants(root))
    with acting_as(uid):
        used = max((_private_files(pid, host) for pid in processes), default=0)
    return Stopped.DISK_LIMIT if used > limits.temporary_files else None


def _private_files(pid: int, host: int) -> int:
    """Count the files in a process's /tmp; none while that is the host's, or when it has ended."""
    try:
        # Opened once: between two looks by name the sandbox may be built further, or gone.
        private = os.open(f"/proc/{pid}/root/tmp", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        if os.fstat(private).st_dev == host:
            return 0
        usage = os.fstatvfs(private)
    finally:
        os.close(private)
    return usage.f_files - usage.f_ffree


def descendants(root: int) -> Iterator[int]:
    """Yield every process below this one, each before its children."""
    waiting = _children(root)
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += _children(pid)


def threads(pid: int) -> Iterator[str]:
    """Yield the folder of each thread in /proc.

    The process's own shows what the first one has: nothing once that has ended, though its memory
    and its open files live on in the others.
    """
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - 20 times a second
            yield f"/proc/{pid}/task/{thread}"


def _children(pid: int) -> list[int]:
    """Read the children of a process's first thread: who has more cannot fork, by the filter."""
    return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


def _resident_bytes(pid: int) -> int:
    """Read anonymous and shared pages and page tables, proc_pid_status(5)."""
    for thread in threads(pid):
        kibibytes = [
            int(line.split()[1])
            for line in _read(f"{thread}/status").splitlines()
            if line.startswith(("RssAnon:", "RssShmem:", "VmPTE:"))
        ]
        if kibibytes:
            return sum(kibibytes) * _KIB
    return 0


def _processor_ticks(pid: int) -> int:
    """Read utime, stime, and cutime and cstime of reaped children, proc_pid_stat(5)."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def _read(path: str) -> str:
    """Read a file of a process that may have ended meanwhile: then there is nothing."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - 20 times a second
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""
