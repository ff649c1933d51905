"""Trivy by itself, from the same registry: without a sandbox, a queue or a store."""

import os
import subprocess
import time
from pathlib import Path
from typing import Final, Literal

from bench.rounds import MeasurementError
from local.stack import TRIVY, Stack

_TRIVY_SECONDS: Final = 120.0


def alone(
    stack: Stack, image: str, database: Path, *, backend: Literal["memory", "fs"] = "memory"
) -> float:
    """Return the seconds that Trivy takes to pull and examine an image by itself.

    Args:
        stack: Whose registry has the image.
        image: By tag.
        database: Its cache directory, with the advisories.
        backend: `fs` keeps in that directory what it knows of layers, `memory` forgets it.

    Raises:
        MeasurementError: it failed.
    """
    began = time.monotonic()
    child = subprocess.run(  # noqa: S603 - an argv of our own, no shell
        [
            TRIVY,
            *("--config", "", "--cache-dir", database, "image", "--image-src", "remote"),
            *("--cache-backend", backend, "--skip-db-update", "--skip-java-db-update"),
            *("--skip-check-update", "--skip-vex-repo-update", "--skip-version-check"),
            *("--disable-telemetry", "--offline-scan", "--no-progress", "--quiet"),
            # As ours: packages and secrets.
            *("--scanners", "vuln,secret", "--format", "json", "--list-all-pkgs", image),
        ],
        env={
            "PATH": os.defpath,
            "SSL_CERT_FILE": str(stack.registry.ca_file),
            "TRIVY_USERNAME": stack.registry.admin.username,
            "TRIVY_PASSWORD": stack.registry.admin.password,
        },
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_TRIVY_SECONDS,
        check=False,
    )
    if child.returncode != 0:
        raise MeasurementError(f"trivy ended badly: {child.stderr.decode()[-2000:]}")
    return time.monotonic() - began
