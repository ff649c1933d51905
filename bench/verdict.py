"""Push to stored verdict, beside Trivy alone on the same image from the same registry."""

import os
import statistics
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Final

from bench import images
from bench.judging import Judge
from bench.rounds import MeasurementError, in_turns
from bench.rows import Row, at_most
from local.stack import TRIVY, Stack
from scanner.trivy.advisories import AdvisoryDirectory

MEGABYTES: Final = (100, 300)
_ROUNDS: Final = 5
_TRIVY_SECONDS: Final = 120.0


def measure(home: Path, advisories: Path, built: Path) -> list[Row]:
    """Have each side judge an image that it has not seen. Raises MeasurementError."""
    _, database = AdvisoryDirectory(advisories).current()
    with Stack(home, advisories=advisories) as stack, stack.registry.client() as client:
        judge = Judge.at(stack, client)
        return [
            _row(stack, judge, database, images.big(megabytes, built), megabytes)
            for megabytes in MEGABYTES
        ]


def _row(stack: Stack, judge: Judge, database: Path, layout: Path, megabytes: int) -> Row:
    # Once for each, so that neither is charged for a first start.
    known = judge.push(layout, f"bench/known-{megabytes}")
    judge.wait(known)
    trivy = partial(_trivy, stack, f"{known.registry}/{known.repository}:v1", database)
    trivy(0)
    seconds = in_turns(_ROUNDS, {"ours": partial(_ours, judge, layout, megabytes), "trivy": trivy})
    return Row(
        name=f"Push of {megabytes} MB to stored verdict",
        unit="s",
        ours=statistics.median(seconds["ours"]),
        peer=statistics.median(seconds["trivy"]),
        peer_name="trivy image",
        goal=at_most(1.5),
    )


def _ours(judge: Judge, layout: Path, megabytes: int, number: int) -> float:
    # A verdict is kept by repository and digest: under a new name nothing is known.
    return judge.wait(judge.push(layout, f"bench/verdict-{megabytes}-{number}"))


def _trivy(stack: Stack, image: str, database: Path, _round: int) -> float:
    began = time.monotonic()
    child = subprocess.run(  # noqa: S603 - an argv of our own, no shell
        [
            TRIVY,
            *("--config", "", "--cache-dir", database, "image", "--image-src", "remote"),
            *("--cache-backend", "memory", "--skip-db-update", "--skip-java-db-update"),
            *("--skip-check-update", "--skip-vex-repo-update", "--skip-version-check"),
            *("--disable-telemetry", "--offline-scan", "--no-progress", "--quiet"),
            *("--scanners", "vuln", "--format", "json", "--list-all-pkgs", image),
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
