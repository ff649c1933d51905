"""After many scans in a row, a third of them hostile, nothing is left of any."""

import gzip
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import pytest

from scanner.errors import SandboxUnavailableError
from scanner.sandbox import Landlock, Limits, Preference, choose
from tests.hostile.images import DEBIAN, LODASH, Hostile, Judge, blobs, image, tar
from tests.registry_server import State
from tests.sandbox_programs import bubblewrap_path, unavailable

pytestmark = pytest.mark.integration

_SCANS, _ALL_SCANS = 18, 200
_SETTLING_SECONDS = 10.0
_MIB = 1 << 20
_PACKAGES = {
    f"app/node_modules/p{n}/package.json": f'{{"name":"p{n}","version":"1.0.0"}}'.encode()
    for n in range(200)
}


def _bomb(state: State) -> str:
    return image(tar(DEBIAN | {"opt/x.jar": bytes(110 * _MIB)}))(state)


_HARMLESS = (
    Hostile(name="clean", put=image(tar(DEBIAN)), verdict="healthy"),
    Hostile(name="vulnerable", put=image(tar(DEBIAN | LODASH)), verdict="unhealthy"),
)
_HOSTILE = (
    Hostile(
        name="never done",
        put=image(tar(DEBIAN)),
        verdict="unknown(timeout)",
        limits=Limits(wall_seconds=0.02),
    ),
    Hostile(
        name="talkative",
        put=image(tar(DEBIAN | _PACKAGES)),
        verdict="unknown(output-limit)",
        limits=Limits(stdout_bytes=8 << 10),
    ),
    Hostile(
        name="a bomb",
        put=_bomb,
        verdict="unknown(disk-limit)",
    ),
    Hostile(
        name="greedy",
        put=image(tar(DEBIAN)),
        verdict="unknown(memory-limit)",
        limits=Limits(memory_bytes=64 * _MIB),
    ),
    Hostile(
        name="garbage",
        put=image(tar(DEBIAN | {"app/Cargo.lock": b"{{"})),
        verdict="unknown(incomplete-analysis)",
    ),
    Hostile(
        name="truncated",
        put=blobs([tar(DEBIAN)], [gzip.compress(tar(DEBIAN))[:-20]]),
        verdict="unknown(corrupt-layer)",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """What a process has that could be left over from a scan."""

    descriptors: int
    threads: int
    children: frozenset[str]
    """With zombies."""
    strangers: frozenset[str]
    """Processes that are nobody's child any more, but were of a scan."""
    files: frozenset[Path]

    @property
    def comparable(self) -> tuple[object, ...]:
        return (self.children, self.strangers, self.files, self.descriptors, self.threads)


def _left(*folders: Path) -> _Left:
    return _Left(
        descriptors=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a Path would open one more
        threads=len(os.listdir("/proc/self/task")),  # noqa: PTH208 - likewise
        children=frozenset(_processes(lambda _, parent: parent == os.getpid())),
        strangers=frozenset(
            _processes(lambda words, _: any(str(folder) in words for folder in folders))
        ),
        files=frozenset(path for folder in folders for path in folder.rglob("*")),
    )


def _processes(is_wanted: Callable[[str, int], bool]) -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            status = entry.joinpath("stat").read_text()
            words = entry.joinpath("cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        name, _, fields = status.rpartition(") ")
        if is_wanted(words, int(fields.split()[1])):
            yield f"{name}) {fields[0]}"


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_many_scans_leave_nothing(
    judge: Judge, backend: Preference, pytestconfig: pytest.Config
) -> None:
    """No process, zombie, thread, descriptor or temporary file more than before."""
    try:
        sandbox = choose(backend, bubblewrap_path())
    except SandboxUnavailableError as error:
        unavailable(str(error))
    folders = [judge.pipeline.examiner.scratch]
    folders += [sandbox.scratch] if isinstance(sandbox, Landlock) else []
    scans = _ALL_SCANS if pytestconfig.getoption("--hostile") == "full" else _SCANS
    _judge_all(judge, backend, [*_HARMLESS, *_HOSTILE])  # what is opened once is open now
    before = _settled(folders, None)
    _judge_all(judge, backend, list(_in_turn(scans)))
    assert _settled(folders, before).comparable == before.comparable


def _in_turn(count: int) -> Iterator[Hostile]:
    """Two harmless images, then a hostile one."""
    hostile = cycle(_HOSTILE)
    return islice((one for last in hostile for one in (*_HARMLESS, last)), count)


def _judge_all(judge: Judge, backend: Preference, images: list[Hostile]) -> None:
    for one in images:
        judged = judge.with_scanner(sandbox=backend, limits=one.limits)
        report = judged.report(one.put)
        assert str(report.verdict) == one.verdict, (one.name, report.verdict.explanation)


def _settled(folders: list[Path], wanted: _Left | None) -> _Left:
    """Wait for the registry's own threads to see that their connections are closed."""
    deadline = time.monotonic() + _SETTLING_SECONDS
    seen = _left(*folders)
    while time.monotonic() < deadline:
        time.sleep(0.05)
        last, seen = seen, _left(*folders)
        if seen.comparable == (last if wanted is None else wanted).comparable:
            break
    return seen
