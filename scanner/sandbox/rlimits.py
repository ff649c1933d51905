"""The kernel limits of a run, as the launcher takes them."""

from scanner.sandbox.outcome import Limits


def rlimits(limits: Limits) -> list[str]:
    """Name the kernel limits, which hold for each process of a run.

    CPU time is only a backstop for a supervisor that is gone: the wall clock comes first.
    """
    cpu_seconds = int(limits.wall_seconds + 1) * limits.processors
    return [
        f"RLIMIT_DATA={limits.memory_bytes}",
        f"RLIMIT_NPROC={limits.processes}",
        f"RLIMIT_FSIZE={limits.temporary_bytes}",
        f"RLIMIT_NOFILE={limits.open_files}",
        f"RLIMIT_CPU={cpu_seconds}",
        "RLIMIT_CORE=0",
        "RLIMIT_MEMLOCK=0",
        "RLIMIT_MSGQUEUE=0",
    ]
