"""What it costs to look for secrets, beside looking for packages in the same image."""

import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench import images
from bench.rounds import MeasurementError, in_turns
from bench.rows import Row
from local.stack import TRIVY
from scanner.sandbox import Limits
from scanner.trivy import argv
from scanner.trivy.advisories import AdvisoryDirectory

_MEGABYTES: Final = (30, 300)
_ROUNDS: Final = 3
_LIMITS: Final = Limits(wall_seconds=120.0)
_LOOK_SECONDS: Final = 0.01
_KIBIBYTE, _MEGABYTE = 1024, 1_000_000
_PEER: Final = "the run for packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    seconds: float
    processor_seconds: float
    peak_megabytes: float


def measure(home: Path, advisories: Path, built: Path) -> list[Row]:
    """Have Trivy examine images twice, for packages and for secrets, as for each new layer.

    Raises MeasurementError if a run fails.
    """
    _, database = AdvisoryDirectory(advisories).current()
    rows: list[Row] = []
    for megabytes in _MEGABYTES:
        inputs = home / f"secrets-{megabytes}"
        inputs.mkdir(parents=True)
        (inputs / argv.IMAGE).symlink_to(images.big(megabytes, built).absolute())
        (inputs / argv.CACHE).symlink_to(database.absolute())
        ways = {
            "secrets": partial(_round, inputs, argv.list_secrets()),
            "packages": partial(_round, inputs, argv.scan()),
        }
        rows += _rows(megabytes, in_turns(_ROUNDS, ways))
    return rows


def _rows(megabytes: int, runs: Mapping[str, list[_Run]]) -> list[Row]:
    name = f"Secrets in an image of {megabytes} MB"
    ours, peer = runs["secrets"], runs["packages"]
    return [
        Row(
            name=f"{name}{suffix}",
            unit=unit,
            ours=statistics.median(getattr(run, field) for run in ours),
            peer=statistics.median(getattr(run, field) for run in peer),
            peer_name=_PEER,
        )
        for suffix, unit, field in (
            ("", "s", "seconds"),
            (": processor time", "s", "processor_seconds"),
            (": peak memory", "MB", "peak_megabytes"),
        )
    ]


def _round(inputs: Path, arguments: Sequence[str], _number: int) -> _Run:
    used, began = _processor_seconds(), time.monotonic()
    peak = 0
    with (
        tempfile.TemporaryDirectory() as private,
        subprocess.Popen(  # noqa: S603 - an argv of our own, no shell
            [TRIVY, *arguments],
            env={**argv.environment(_LIMITS), "HOME": private, "TMPDIR": private},
            cwd=inputs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as child,
    ):
        while child.poll() is None:
            peak = max(peak, _peak_kibibytes(child.pid))
            time.sleep(_LOOK_SECONDS)
    if child.returncode != 0:
        raise MeasurementError(f"trivy ended with {child.returncode}")
    return _Run(
        seconds=time.monotonic() - began,
        processor_seconds=_processor_seconds() - used,
        peak_megabytes=peak * _KIBIBYTE / _MEGABYTE,
    )


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _peak_kibibytes(process_id: int) -> int:
    """Return what a process had resident at most, so far (proc(5), VmHWM); 0 once it has ended."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    lines = [line for line in status.split(os.linesep) if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) if lines else 0
