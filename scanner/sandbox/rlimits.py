"""The kernel limits of a run, as the launcher takes them."""

from scanner.sandbox.outcome import Limits

_BACKSTOP_SECONDS = 2


def rlimits(limits: Limits) -> list[str]:
    """Name the kernel limits, which hold for each process of a run.

    CPU time is only a backstop for a supervisor that is slow or gone: `excess_processor_time` comes
    first. A file can be no larger than the private /tmp where that has no size of its own.
    """
    return [
        f"RLIMIT_DATA={limits.memory_bytes}",
        f"RLIMIT_NPROC={limits.processes}",
        f"RLIMIT_FSIZE={min(limits.file_bytes, limits.temporary_bytes)}",
        f"RLIMIT_NOFILE={limits.open_files}",
        f"RLIMIT_CPU={limits.cpu_seconds + _BACKSTOP_SECONDS}",
        "RLIMIT_CORE=0",
        "RLIMIT_MEMLOCK=0",
        "RLIMIT_MSGQUEUE=0",
    ]
