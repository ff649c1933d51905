"""Trivy says the same of an image's layers, analysed one by one, as of the whole image."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pytest

from local.samples.advisories import write_database
from local.samples.images import SAMPLES, Kind, build
from local.samples.layers import whiteout
from local.samples.packages import PackageCache, PackageUnavailableError
from scanner.model import LayerInventory, ScanReport
from scanner.sandbox import Completed, Limits, Sandbox, Service, choose
from scanner.trivy import AdvisoryDirectory
from scanner.trivy.analysis import Workbench, analyse
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.matching import Stack, match
from scanner.trivy.unread import unread
from scanner.trivy.whole_image import examine
from tests.corpus.advisories import write_corpus_database
from tests.corpus.image import CorpusImage, CorpusLayer
from tests.corpus.images import NAMES, images
from tests.layered import inventories
from tests.sandbox_programs import bubblewrap_path, trivy_path, unavailable

pytestmark = pytest.mark.integration

_LIMITS = Limits(wall_seconds=60.0)
PACKAGES = Path(__file__).parents[2] / ".local" / "cache" / "packages"
SAMPLE_NAMES = sorted(name for name, sample in SAMPLES.items() if sample.kind is Kind.IMAGE)
_PACKED = {"Digest", "Size"}
"""Of a layer as a registry has it; the layered path gives Trivy layers unpacked."""


@dataclass(frozen=True)
class _Recording:
    """A sandbox that remembers what came out of it."""

    inner: Sandbox
    outputs: list[Completed] = field(default_factory=list, compare=False)

    @property
    def uid(self) -> int | None:
        return self.inner.uid

    @property
    def isolation(self) -> str:
        return self.inner.isolation

    def run(self, *arguments: Any, **named: Any) -> Completed:  # noqa: ANN401 - passed on
        self.outputs.append(self.inner.run(*arguments, **named))
        return self.outputs[-1]

    def serving(self, *arguments: Any, **named: Any) -> AbstractContextManager[Service]:  # noqa: ANN401 - passed on
        return self.inner.serving(*arguments, **named)


@lru_cache(maxsize=1)
def corpus() -> Mapping[str, CorpusImage]:
    """Make the corpus once for each process."""
    uvx = Path(sys.prefix, "bin", "uvx")
    if not uvx.is_file():
        unavailable("uvx is not installed")
    return images(trivy=trivy_path(), uvx=uvx)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return the real programs, with advisories on packages of the corpus."""
    new = tmp_path_factory.mktemp("new")
    write_corpus_database(new)
    return workbench(new, tmp_path_factory.mktemp("advisories"))


@pytest.fixture(scope="module")
def sample_bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return the real programs, with advisories on packages of the samples."""
    new = tmp_path_factory.mktemp("new")
    write_database(new, updated_at=datetime.now(UTC))
    return workbench(new, tmp_path_factory.mktemp("advisories"))


def workbench(new: Path, installed: Path) -> Workbench:
    """Return the real programs, with advisories that are in a folder."""
    directory = AdvisoryDirectory(installed)
    directory.install(new, source="test")
    sandbox = choose("auto", bubblewrap_path())
    return Workbench(
        binary=TrivyBinary.inspect(trivy_path(), sandbox),
        sandbox=_Recording(sandbox),
        databases=directory.current()[1],
        limits=_LIMITS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What was said of an image, as the product reads it and as Trivy wrote it."""

    report: ScanReport
    results: str
    system: object


def _whole(layout: Path, bench: Workbench, layers: Sequence[LayerInventory]) -> _Said:
    seen = examine(layout, bench.binary, bench.sandbox, bench.databases, bench.limits)
    assert isinstance(seen, ScanReport), seen
    return _said(seen.without(unread([layer.entries for layer in layers])), bench)


def _layered(
    layout: Path, bench: Workbench, scratch: Path
) -> tuple[_Said, Sequence[LayerInventory]]:
    layers = inventories(layout, partial(analyse, bench=bench))
    assert isinstance(layers, Sequence), layers
    seen = match(Stack.of(layers), bench, scratch=scratch)
    assert isinstance(seen, ScanReport), seen
    return _said(seen, bench), layers


def _said(seen: ScanReport, bench: Workbench) -> _Said:
    assert isinstance(bench.sandbox, _Recording)
    report = json.loads(bench.sandbox.outputs[-1].untrusted_stdout)
    results = [
        json.dumps(_without_packing(result), sort_keys=True, indent=1)
        for result in report.get("Results", [])
    ]
    return _Said(
        report=seen, results="\n".join(sorted(results)), system=report["Metadata"].get("OS")
    )


def _without_packing(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Leave out how each layer was packed, and of findings a hash that the config is part of."""
    if isinstance(node, list):
        return [_without_packing(child) for child in node]
    if not isinstance(node, dict):
        return node
    return {
        name: {key: value for key, value in child.items() if key not in _PACKED}
        if name == "Layer"
        else _without_packing(child)
        for name, child in node.items()
        if name != "Fingerprint"
    }


def _assert_equal(layout: Path, bench: Workbench, scratch: Path) -> _Said:
    layered, layers = _layered(layout, bench, scratch)
    whole = _whole(layout, bench, layers)
    assert layered.results == whole.results
    assert layered.system == whole.system
    for name in ("operating_system", "package_groups", "findings"):
        assert getattr(layered.report, name) == getattr(whole.report, name)
    assert set(layered.report.unexamined) == set(whole.report.unexamined)
    assert set(layered.report.without_advisories) == set(whole.report.without_advisories)
    return layered


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_a_sample_gives_the_same_report(sample_bench: Workbench, tmp_path: Path, name: str) -> None:
    """Whatever it is packed with, whiteouts and opaque directories included."""
    try:
        sample = build(name, tmp_path, PackageCache(PACKAGES))
    except PackageUnavailableError as error:
        unavailable(str(error))
    _assert_equal(sample.layout, sample_bench, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_of_the_corpus_gives_the_same_report(
    bench: Workbench, tmp_path: Path, name: str
) -> None:
    """Every analyser, every distribution, one layer twice."""
    layout = corpus()[name].build(tmp_path).layout
    said = _assert_equal(layout, bench, tmp_path)
    assert said.results or name == "fedora"


_DEBIAN = {"etc/os-release": b'ID=debian\nVERSION_ID="12"\n'}
_BASH = b"Package: bash\nStatus: install ok installed\nVersion: %s\nArchitecture: amd64\n\n"
_NPM = "app/node_modules/lodash/package.json"
REMADE: Mapping[str, tuple[Mapping[str, bytes], ...]] = {
    "a version that cannot be compared": ({_NPM: b'{"name":"lodash","version":"one"}'},),
    "such a version, removed above": (
        {_NPM: b'{"name":"lodash","version":"one"}'},
        {whiteout(_NPM): b""},
    ),
    "a distribution's version, replaced above": (
        {**_DEBIAN, "var/lib/dpkg/status": _BASH % b"one/two"},
        {"var/lib/dpkg/status": _BASH % b"5.2.15"},
    ),
    "damaged archives": ({"opt/a.jar": b"PK\3\4"}, {"opt/b.jar": b"PK\3\4"}),
    "a damaged archive, removed above": ({"opt/a.jar": b"PK\3\4"}, {whiteout("opt/a.jar"): b""}),
    "a system above its packages": ({"var/lib/dpkg/status": _BASH % b"5.2.15"}, _DEBIAN),
    "another system above": (
        {**_DEBIAN, "var/lib/dpkg/status": _BASH % b"5.2.15"},
        {"etc/os-release": b'ID=alpine\nVERSION_ID="3.21.0"\n', "etc/alpine-release": b"3.21.0"},
    ),
    "a layer of nothing": ({}, {_NPM: b'{"name":"lodash","version":"1.0.0"}'}, {}),
    "an opaque root": ({_NPM: b'{"name":"lodash","version":"1.0.0"}'}, {".wh..wh..opq": b""}),
    "a directory that becomes a file": (
        {_NPM: b'{"name":"lodash","version":"1.0.0"}'},
        {"app": b"no directory"},
    ),
}


@pytest.mark.parametrize("name", REMADE)
def test_what_a_layer_above_changes_gives_the_same_report(
    bench: Workbench, tmp_path: Path, name: str
) -> None:
    """Also where Trivy has something to say about what is no longer there."""
    layers = tuple(CorpusLayer(files=files) for files in REMADE[name])
    image = CorpusImage(name="remade", layers=layers)
    _assert_equal(image.build(tmp_path).layout, bench, tmp_path)
