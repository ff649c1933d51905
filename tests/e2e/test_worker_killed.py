"""SIGKILL in the middle of a scan: nothing survives it, and nothing is lost by it."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from local.samples.big import build_big
from local.stack import Stack
from scanner import settings
from scanner.wiring import Wiring
from tests.e2e.conftest import Pushscan, eventually

pytestmark = pytest.mark.integration

_LEASE_SECONDS = 10


def descendants(process_id: int) -> set[int]:
    """Return the process ids of all that a process has started, directly or not."""
    children: set[int] = set()
    for task in Path(f"/proc/{process_id}/task").glob("*/children"):
        with suppress(FileNotFoundError):  # a thread that has just ended
            children |= set(map(int, task.read_text().split()))
    return children.union(*(descendants(child) for child in children if _is_alive(child)))


def scanners_below(process_id: int) -> set[int]:
    """Return those of the descendants that examine an image: Trivy, and the sandbox around it."""
    return set(filter(_is_scanner, descendants(process_id)))


def _is_alive(process_id: int) -> bool:
    return Path(f"/proc/{process_id}").exists()


def _is_scanner(process_id: int) -> bool:
    try:
        return b"--input" in Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.fixture
def short_lease(tmp_path: Path, samples: Path, advisories: Path) -> Iterator[Pushscan]:
    """A Pushscan of its own, whose messages come back 10 s after their worker died."""
    with Stack(tmp_path / "stack", advisories=advisories, lease_seconds=_LEASE_SECONDS) as stack:
        yield Pushscan(stack=stack, wiring=Wiring(settings.read(stack.settings())), samples=samples)


def test_a_killed_worker_leaves_no_scanner_and_its_job_is_done(
    short_lease: Pushscan, tmp_path: Path
) -> None:
    """The sandbox dies with its worker; the job completes after its lease."""
    big = build_big(100, tmp_path)
    pushscan = replace(short_lease, samples=big.layout.parent)
    worker = pushscan.stack.app.process_id
    image = pushscan.push(big.layout.name, "killed/big:v1")
    running = eventually(lambda: scanners_below(worker) or None)
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: not any(map(_is_scanner, running)) or None)
    assert pushscan.wiring.store.current(image) is None
    assert pushscan.report(image).scan is not None
    assert pushscan.stack.app.process_id != worker
