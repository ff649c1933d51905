"""Trivy in each sandbox, beside Trivy alone on the same layout with the same arguments."""

import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench import images
from bench.rounds import MeasurementError, in_turns
from bench.rows import Row, at_most
from local.stack import BUBBLEWRAP, TRIVY
from scanner.sandbox import Bubblewrap, Exited, Landlock, Limits, Sandbox
from scanner.trivy import argv
from scanner.trivy.advisories import AdvisoryDirectory

MEGABYTES: Final = (4, 30)
"""About what alpine and debian:12-slim have."""
GOALS: Final[Mapping[str, float]] = {"bubblewrap": 1.10, "landlock": 1.30}
_ROUNDS: Final = 11
_LIMITS: Final = Limits(wall_seconds=120.0)
_MILLISECONDS: Final = 1000
_BARE: Final = "bare"
_PEER: Final = "trivy alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    seconds: float
    processor_seconds: float
    """Of this process and all that it started: what a busy machine does not stretch."""


def measure(home: Path, advisories: Path, built: Path) -> list[Row]:
    """Have each sandbox examine small images. Raises MeasurementError if a scan fails."""
    _, database = AdvisoryDirectory(advisories).current()
    sandboxes: dict[str, Sandbox] = {
        "bubblewrap": Bubblewrap.probe(BUBBLEWRAP),
        "landlock": Landlock.probe(),
    }
    rows: list[Row] = []
    for megabytes in MEGABYTES:
        layout = images.big(megabytes, built)
        bare_home = home / f"bare-{megabytes}"
        _link(bare_home, layout, database)
        ways = {
            _BARE: partial(_bare, bare_home),
            **{
                name: partial(_sandboxed, sandbox, layout, database)
                for name, sandbox in sandboxes.items()
            },
        }
        for warm_up in ways.values():
            warm_up()
        scans = in_turns(_ROUNDS, {name: partial(_round, scan) for name, scan in ways.items()})
        rows += [row for name in sandboxes for row in _rows(name, megabytes, scans)]
    return rows


def _rows(name: str, megabytes: int, scans: Mapping[str, list[_Scan]]) -> list[Row]:
    sandboxed, bare = scans[name], scans[_BARE]
    pairs = zip(sandboxed, bare, strict=True)
    scan = f"Trivy in {name}, image of {megabytes} MB"
    return [
        Row(
            name=scan,
            unit="s",
            ours=statistics.median(one.seconds for one in sandboxed),
            peer=statistics.median(one.seconds for one in bare),
            peer_name=_PEER,
            goal=at_most(GOALS[name]),
        ),
        Row(
            name=f"{scan}: added",
            unit="ms",
            ours=statistics.median(ours.seconds - peer.seconds for ours, peer in pairs)
            * _MILLISECONDS,
        ),
        Row(
            name=f"{scan}: processor time",
            unit="s",
            ours=statistics.median(one.processor_seconds for one in sandboxed),
            peer=statistics.median(one.processor_seconds for one in bare),
            peer_name=_PEER,
        ),
    ]


def _link(bare_home: Path, layout: Path, database: Path) -> None:
    """Give the bare Trivy its inputs under the names that they have in a sandbox."""
    bare_home.mkdir(parents=True)
    (bare_home / argv.IMAGE).symlink_to(layout.absolute())
    (bare_home / argv.CACHE).symlink_to(database.absolute())


def _round(scan: Callable[[], None], _number: int) -> _Scan:
    began, used = time.monotonic(), _processor_seconds()
    scan()
    return _Scan(seconds=time.monotonic() - began, processor_seconds=_processor_seconds() - used)


def _processor_seconds() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _sandboxed(sandbox: Sandbox, layout: Path, database: Path) -> None:
    completed = sandbox.run(
        TRIVY,
        argv.scan(),
        read_only={f"/{argv.IMAGE}": layout, f"/{argv.CACHE}": database},
        environment=argv.environment(_LIMITS),
        limits=_LIMITS,
    )
    if completed.exit != Exited(0):
        raise MeasurementError(f"trivy ended badly in {sandbox.isolation}: {completed.exit}")


def _bare(bare_home: Path) -> None:
    with tempfile.TemporaryDirectory() as private:
        child = subprocess.run(  # noqa: S603 - an argv of our own, no shell
            [TRIVY, *argv.scan()],
            env={**argv.environment(_LIMITS), "HOME": private, "TMPDIR": private},
            cwd=bare_home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMITS.wall_seconds,
            check=False,
        )
    if child.returncode != 0:
        raise MeasurementError(f"trivy ended badly: {child.stderr.decode()[-2000:]}")
