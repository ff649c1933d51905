"""Trivy as a plain program, with nothing around it."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.rounds import MeasurementError
from local.stack import TRIVY

_SECONDS: Final = 120.0


def run_trivy(arguments: Sequence[str], folder: Path) -> bytes:
    """Return what Trivy prints, run in a folder. Raises MeasurementError."""
    child = subprocess.run(  # noqa: S603 - an argv of our own, no shell
        [TRIVY, *arguments],
        env={"PATH": os.defpath},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    if child.returncode != 0:
        raise MeasurementError(f"trivy ended badly: {child.stderr.decode()[-2000:]}")
    return child.stdout
