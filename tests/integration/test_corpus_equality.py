"""Trivy says the same bare and in both sandboxes, with something to read for every analyser."""

import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from errno import EPERM
from fcntl import F_SETLK
from functools import lru_cache
from pathlib import Path

import pytest

from scanner.model import ScanReport
from scanner.sandbox import Bubblewrap, Exited, Limits, Preference, Sandbox, choose
from scanner.sandbox.syscalls import CHECKED
from scanner.trivy import AdvisoryDirectory, argv
from scanner.trivy.report import parse_report
from tests.bpf import errno_action
from tests.corpus.advisories import write_corpus_database
from tests.corpus.analysers import ENABLED, known, linked
from tests.corpus.image import CorpusImage
from tests.corpus.images import NAMES, images
from tests.corpus.report import canonical, facts
from tests.sandbox_programs import bubblewrap_path, trivy_path, unavailable

pytestmark = pytest.mark.integration

_LIMITS = Limits(wall_seconds=60.0)
# linux/bpf_common.h, linux/seccomp.h
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_SECOND_ARGUMENT = 24
_SANDBOXES: tuple[Preference, ...] = ("bubblewrap", "landlock")


def _make() -> Mapping[str, CorpusImage]:
    uvx = Path(sys.prefix, "bin", "uvx")
    if not uvx.is_file():
        unavailable("uvx is not installed")
    return images(trivy=trivy_path(), uvx=uvx)


@lru_cache(maxsize=1)
def corpus() -> Mapping[str, CorpusImage]:
    """Make the corpus once for each process."""
    return _make()


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install advisories on packages of the corpus."""
    new = tmp_path_factory.mktemp("new")
    write_corpus_database(new)
    directory = AdvisoryDirectory(tmp_path_factory.mktemp("advisories"))
    directory.install(new, source="corpus")
    return directory.current()[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one run of Trivy said."""

    report: bytes
    messages: bytes

    @property
    def scan_report(self) -> ScanReport:
        """Read it as a worker does."""
        read = parse_report(self.report, self.messages)
        assert isinstance(read, ScanReport), read
        return read


def _bare(layout: Path, databases: Path, folder: Path) -> Said:
    """Run Trivy with the same arguments and nothing around it; the corpus is harmless."""
    folder.mkdir()
    (folder / argv.IMAGE).symlink_to(layout)
    (folder / argv.CACHE).symlink_to(databases)
    done = subprocess.run(  # noqa: S603 - our own arguments
        [str(trivy_path()), *argv.scan()],
        cwd=folder,
        env={"HOME": str(folder), "TMPDIR": str(folder), **argv.environment(_LIMITS)},
        check=True,
        capture_output=True,
        timeout=_LIMITS.wall_seconds,
    )
    return Said(report=done.stdout, messages=done.stderr)


def _confined(sandbox: Sandbox, layout: Path, databases: Path) -> Said:
    completed = sandbox.run(
        trivy_path(),
        argv.scan(),
        read_only={f"/{argv.IMAGE}": layout, f"/{argv.CACHE}": databases},
        environment=argv.environment(_LIMITS),
        limits=_LIMITS,
    )
    assert completed.exit == Exited(0), completed.untrusted_stderr[-2000:]
    return Said(report=completed.untrusted_stdout, messages=completed.untrusted_stderr)


@pytest.mark.parametrize("name", NAMES)
def test_the_report_is_the_same_bare_and_in_each_sandbox(
    databases: Path, tmp_path: Path, name: str
) -> None:
    """Byte for byte but for the clock and a random id, and no analyser is without effect."""
    image = corpus()[name]
    layout = image.build(tmp_path).layout
    bare = _bare(layout, databases, tmp_path / "bare")
    seen = facts(bare.report, bare.messages)
    unsaid = {part.analyser: part.facts - seen for part in image.parts if part.facts - seen}
    assert not unsaid
    assert not image.absent & seen
    for preference in _SANDBOXES:
        sandbox = choose(preference, bubblewrap_path())
        assert sandbox.isolation.startswith(preference)
        confined = _confined(sandbox, layout, databases)
        assert canonical(confined.report) == canonical(bare.report), preference
        assert confined.scan_report == bare.scan_report, preference


def test_a_filter_without_what_an_analyser_needs_is_noticed(
    databases: Path, tmp_path: Path
) -> None:
    """SQLite locks the range it reads; without a lock Trivy goes on, and lists no packages."""
    image = corpus()["centos"]
    layout = image.build(tmp_path).layout
    whole = Bubblewrap.probe(bubblewrap_path())
    machine = os.uname().machine
    fcntl = CHECKED["fcntl"][0 if machine == "x86_64" else 1]
    assert fcntl is not None
    refusal = b"".join(
        struct.pack("<HBBI", *instruction)
        for instruction in (
            (_LOAD, 0, 0, 0),
            (_IF_EQUAL, 0, 3, fcntl),
            (_LOAD, 0, 0, _SECOND_ARGUMENT),
            (_IF_EQUAL, 0, 1, F_SETLK),
            (_RETURN, 0, 0, errno_action(EPERM)),
        )
    )
    without_locks = replace(whole, system_calls=refusal + whole.system_calls)
    said = [_confined(sandbox, layout, databases) for sandbox in (whole, without_locks)]
    assert canonical(said[0].report) != canonical(said[1].report)
    rpm = next(part for part in image.parts if part.analyser == "rpm")
    seen = [facts(one.report, one.messages) for one in said]
    assert [rpm.facts & one for one in seen] == [rpm.facts, frozenset()]


def test_the_table_of_analysers_is_that_of_the_installed_trivy() -> None:
    """A new Trivy with another analyser must be looked at before it is trusted."""
    assert linked(trivy_path()) == known()


def test_every_analyser_that_runs_has_a_file_in_the_corpus() -> None:
    """And facts that show it; no part is for an analyser that does not run."""
    parts = [part for image in corpus().values() for part in image.parts]
    assert {part.analyser for part in parts} == ENABLED
    assert all(part.facts for part in parts)


def test_each_kind_of_package_database_is_in_the_corpus() -> None:
    """One analyser reads all three of rpm, by different ways."""
    paths = {path for image in corpus().values() for part in image.parts for path in part.files}
    assert {path.rpartition("/")[2] for path in paths} >= {
        *("rpmdb.sqlite", "Packages.db", "Packages", "container-manifest-2", "installed"),
        *("status", "available", "dash.md5sums", "tzdata", "copyright"),
    }


def test_the_corpus_is_the_same_each_time(tmp_path: Path) -> None:
    """Nothing random or timed is in it, so its images can be compared between runs."""
    assert corpus().keys() == set(NAMES)
    for name, again in _make().items():
        first = corpus()[name].build(tmp_path / "first")
        assert again.build(tmp_path / "second").digest == first.digest
