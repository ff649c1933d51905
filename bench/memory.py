"""Peak memory of the worker's process, fresh for each size of image."""

import re
from pathlib import Path
from typing import Final

from bench import images
from bench.judging import Judge
from bench.rounds import MeasurementError
from bench.rows import Row, Subject, at_most
from local.stack import Stack

SMALL_MEGABYTES: Final = 100
LARGE_MEGABYTES: Final = 1000
_PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")
_KIBIBYTE, _MEGABYTE = 1024, 1_000_000


def measure(home: Path, advisories: Path, built: Path) -> list[Row]:
    """Let a worker judge a small image and another one a large image. Raises MeasurementError."""
    small = _peak(home, advisories, images.big(SMALL_MEGABYTES, built))
    large = _peak(home, advisories, images.big(LARGE_MEGABYTES, built))
    name = f"Peak memory of the worker, {LARGE_MEGABYTES} MB image"
    return [
        Row(name=name, unit="MB", ours=large, goal=at_most(250, Subject.OURS)),
        Row(
            name=name,
            unit="MB",
            ours=large,
            peer=small,
            peer_name=f"a {SMALL_MEGABYTES} MB image",
            goal=at_most(1.1),
        ),
    ]


def _peak(home: Path, advisories: Path, layout: Path) -> float:
    """Return the most memory that the process ever had resident (proc(5), VmHWM), in MB."""
    with Stack(home, advisories=advisories) as stack, stack.registry.client() as client:
        process_id = stack.app.process_id
        judge = Judge.at(stack, client)
        judge.wait(judge.push(layout, "bench/memory"))
        if stack.app.process_id != process_id:
            raise MeasurementError("the worker was started again while it was measured")
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    peak = _PEAK.search(status)
    if peak is None:
        raise MeasurementError("the kernel does not tell a process's peak memory")
    return int(peak[1]) * _KIBIBYTE / _MEGABYTE
