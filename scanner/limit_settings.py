"""The settings for what one scan may use; `Limits` says why each default is what it is."""

from scanner.environment import Environment, between
from scanner.model.limits import Limits

_KIB, _MIB = 1 << 10, 1 << 20


def read_limits(environment: Environment) -> Limits:
    """Read every limit of a scan.

    The least values are what the scanner needs to start. The longest scan ends before the host
    gives up, and a report is never larger than what can be stored.
    """
    defaults = Limits()

    def number(name: str, least: int, most: int, default: float, unit: int = 1) -> int:
        count = environment.parsed(
            f"PUSHSCAN_SCAN_{name}",
            between(least, most),
            int(default) // unit,
            f"a whole number from {least} to {most}",
        )
        return count * unit

    return Limits(
        wall_seconds=number("SECONDS", 1, 540, defaults.wall_seconds),
        cpu_seconds=number("CPU_SECONDS", 1, 34_560, defaults.cpu_seconds),
        processors=number("PROCESSORS", 1, 64, defaults.processors),
        memory_bytes=number("MEMORY_MIB", 128, 65_536, defaults.memory_bytes, _MIB),
        processes=number("PROCESSES", 32, 4096, defaults.processes),
        open_files=number("OPEN_FILES", 32, 4096, defaults.open_files),
        file_bytes=number("FILE_MIB", 1, 65_536, defaults.file_bytes, _MIB),
        temporary_bytes=number("TEMPORARY_MIB", 1, 65_536, defaults.temporary_bytes, _MIB),
        temporary_files=number("TEMPORARY_FILES", 100, 1_000_000, defaults.temporary_files),
        stdout_bytes=number("STDOUT_KIB", 1, 65_536, defaults.stdout_bytes, _KIB),
        stderr_bytes=number("STDERR_KIB", 1, 65_536, defaults.stderr_bytes, _KIB),
    )
