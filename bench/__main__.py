"""`make bench`: measure all, or `python -m bench NAME...` some; show it, and write results.json.

Ends with 0 when everything could be measured, whether or not it meets its goal.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import (
    layers,
    memory,
    pull,
    receiver,
    rejudging,
    sandboxed,
    secrets,
    verdict,
)
from bench.rows import Row, table
from local.app import ROOT
from local.samples.advisories import install_sample

RESULTS: Final = Path(__file__).with_name("results.json")
IMAGES: Final = ROOT / ".local" / "bench"

_WIDTH: Final = 130

Measure = Callable[[Path, Path], list[Row]]

MEASUREMENTS: Final[dict[str, Measure]] = {
    "receiver": receiver.measure,
    "pull": partial(pull.measure, built=IMAGES),
    "secrets": partial(secrets.measure, built=IMAGES),
    "sandboxed": partial(sandboxed.measure, built=IMAGES),
    "verdict": partial(verdict.measure, built=IMAGES),
    "layers": partial(layers.measure, built=IMAGES),
    "rejudging": partial(rejudging.measure, built=IMAGES),
    "memory": partial(memory.measure, built=IMAGES),
}


def main(names: list[str]) -> int:
    """Measure what is named, show it, write it, and return the exit status."""
    # A file or a pipe has no width; the table wants this much.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    if unknown := set(names) - MEASUREMENTS.keys():
        console.print(f"there is no {', '.join(sorted(unknown))}; try {', '.join(MEASUREMENTS)}")
        return 2
    rows: list[Row] = []
    failed = False
    for name in names or MEASUREMENTS:
        try:
            with console.status(f"Measuring: {name}"):
                rows += _measured(MEASUREMENTS[name])
        except Exception:  # noqa: BLE001 - whatever went wrong, the other measurements still count
            failed = True
            console.print(f"{name} could not be measured", style="red")
            console.print_exception(max_frames=6)
    console.print(table(rows, title="Pushscan beside its peers"))
    now = datetime.now(UTC)
    RESULTS.write_text(json.dumps(document(rows, now=now), indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {RESULTS}")
    return 1 if failed else 0


def document(rows: list[Row], *, now: datetime) -> dict[str, Any]:
    """Build what results.json holds: when, on what machine, and every row."""
    return {
        "measured_at": now.isoformat(timespec="seconds"),
        "machine": {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "rows": [row.as_json() for row in rows],
    }


def _measured(measure: Measure) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="pushscan-bench-") as folder:
        home = Path(folder)
        install_sample(home / "advisories", updated_at=datetime.now(UTC))
        return measure(home / "stack", home / "advisories")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
