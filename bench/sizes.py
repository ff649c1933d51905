"""A database of a published one's size beside a small one: time and memory of a match."""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from os import getpid
from pathlib import Path
from typing import Final

from bench.databases import FILLER_KEYS, write_database
from bench.fleet import Fleet
from bench.rounds import MeasurementError, in_turns
from bench.rows import Row
from scanner.model import Advisories, LayeredImage
from scanner.sandbox.watchdog import descendants, threads
from scanner.trivy import AdvisoryDirectory, TrivyScanner
from scanner.trivy.changes import changes_since

_AT_ONCE: Final = 50
_ROUNDS: Final = 5
_LOOK_SECONDS: Final = 0.01
_MILLISECONDS: Final = 1000
_NAMES: Final = {"scanner", "trivy"}
"""Of Trivy, in the sandbox and outside."""
_KIB_OF_MB: Final = 1000


def measure(home: Path, made: Fleet, scanner: TrivyScanner) -> list[Row]:
    """Match the same images against both; compare two of each size."""
    large, small = home / "large", home / "small"
    layers = [image.layered for image in made.images(_AT_ONCE)]
    directories = {"large": AdvisoryDirectory(large), "small": AdvisoryDirectory(small)}
    installed = {
        "large": _installed(directories["large"], FILLER_KEYS),
        "small": _installed(directories["small"], 0),
    }
    scanners = {size: _scanner(each, scanner) for size, each in directories.items()}
    rows = []
    for name, images in (("one image", layers[:1]), (f"{_AT_ONCE} images, warm", layers)):
        peaks: dict[str, list[float]] = {"large": [], "small": []}
        ways = {size: partial(_match, each, images, peaks[size]) for size, each in scanners.items()}
        for way in ways.values():
            way(0)
        seconds = in_turns(_ROUNDS, ways)
        rows += [
            Row(
                name=f"Match of {name}, {FILLER_KEYS} advisories",
                unit="ms",
                ours=statistics.median(seconds["large"]) * _MILLISECONDS,
                peer=statistics.median(seconds["small"]) * _MILLISECONDS,
                peer_name="a small database",
            ),
            Row(
                name=f"Match of {name}, {FILLER_KEYS} advisories: peak memory of Trivy",
                unit="MB",
                ours=max(peaks["large"]),
                peer=max(peaks["small"]),
                peer_name="a small database",
            ),
        ]
    changes = {size: _changes(directories[size], *pair) for size, pair in installed.items()}
    return [
        *rows,
        Row(
            name=f"What changed between two databases of {FILLER_KEYS} advisories",
            unit="s",
            ours=changes["large"],
            peer=changes["small"],
            peer_name="small databases",
        ),
    ]


def _installed(directory: AdvisoryDirectory, filler: int) -> tuple[Advisories, Advisories]:
    """Install two databases that differ in one advisory."""
    installed = []
    for generation in (0, 1):
        new = directory.root.with_name(f"{directory.root.name}-{generation}")
        write_database(new, generation=generation, filler=filler)
        installed.append(directory.install(new, source="bench"))
    return installed[0], installed[1]


def _scanner(directory: AdvisoryDirectory, like: TrivyScanner) -> TrivyScanner:
    return TrivyScanner(
        trivy=like.trivy, bubblewrap=like.bubblewrap, directory=directory, scratch=like.scratch
    )


def _match(
    scanner: TrivyScanner,
    images: Sequence[LayeredImage],
    peaks: list[float],
    _number: int,
) -> float:
    advisories = scanner.advisories()
    began = time.monotonic()
    with _watched(peaks):
        for _ in scanner.match_all(images, advisories=advisories):
            continue
    return time.monotonic() - began


@contextmanager
def _watched(peaks: list[float]) -> Iterator[None]:
    """Note the highest VmHWM of any process below this one, looked at every 10 ms."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            peaks.extend(map(_peak, _below_us()))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _below_us() -> Iterator[int]:
    """Yield all processes below this one: a thread's children are its own."""
    for thread in threads(getpid()):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in Path(f"{thread}/children").read_text(encoding="ascii").split():
                yield int(child)
                yield from descendants(int(child))


def _peak(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if told.get("Name") not in _NAMES or "VmHWM" not in told:
        # Before it is Trivy a process is a copy of ours.
        return 0.0
    return int(told["VmHWM"].split()[0]) * 1.024 / _KIB_OF_MB


def _changes(directory: AdvisoryDirectory, before: Advisories, after: Advisories) -> float:
    began = time.monotonic()
    if changes_since(before.digest, after, directory) is None:
        raise MeasurementError("the two databases cannot be compared")
    return time.monotonic() - began
