"""A Trivy that is asked about many images says of each what a Trivy of its own says."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.samples.advisories import write_database
from local.samples.images import build
from local.samples.packages import PackageCache, PackageUnavailableError
from scanner.sandbox import Bubblewrap, Completed, Sandbox, Service
from scanner.trivy.analysis import Workbench, analyse
from scanner.trivy.matching import Stack, match
from scanner.trivy.warm import match_warm
from tests.corpus.advisories import write_corpus_database
from tests.corpus.image import CorpusImage, CorpusLayer
from tests.integration.test_layered_equality import (
    PACKAGES,
    REMADE,
    SAMPLE_NAMES,
    corpus,
    workbench,
)
from tests.layered import inventories
from tests.sandbox_programs import bubblewrap_path, unavailable

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Counting:
    """A sandbox that counts what it ran."""

    inner: Sandbox
    ran: list[str] = field(default_factory=list, compare=False)

    @property
    def uid(self) -> int | None:
        """Of the sandbox inside."""
        return self.inner.uid

    @property
    def isolation(self) -> str:
        """Of the sandbox inside."""
        return self.inner.isolation

    def run(self, *arguments: Any, **named: Any) -> Completed:  # noqa: ANN401 - passed on
        """Run a Trivy of one image."""
        self.ran.append("alone")
        return self.inner.run(*arguments, **named)

    @contextmanager
    def serving(self, *arguments: Any, **named: Any) -> Iterator[Service]:  # noqa: ANN401 - passed on
        """Run a Trivy of many."""
        self.ran.append("warm")
        with self.inner.serving(*arguments, **named) as service:
            yield service


@pytest.fixture(scope="module")
def corpus_bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return the real programs, with advisories on packages of the corpus."""
    new = tmp_path_factory.mktemp("new")
    write_corpus_database(new)
    return _in_namespaces(workbench(new, tmp_path_factory.mktemp("advisories")))


@pytest.fixture(scope="module")
def sample_bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return the real programs, with advisories on packages of the samples."""
    new = tmp_path_factory.mktemp("new")
    write_database(new, updated_at=datetime.now(UTC))
    return _in_namespaces(workbench(new, tmp_path_factory.mktemp("advisories")))


@pytest.fixture(scope="module")
def stacks(
    corpus_bench: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Stack]:
    """Analyse every image of the corpus, and those of which Trivy has something to tell."""
    scratch = tmp_path_factory.mktemp("corpus")
    found = {name: _stack(image, corpus_bench, scratch) for name, image in corpus().items()}
    for name, layers in REMADE.items():
        image = CorpusImage(name=name, layers=tuple(CorpusLayer(files=files) for files in layers))
        found[name] = _stack(image, corpus_bench, scratch)
    return found


def _in_namespaces(bench: Workbench) -> Workbench:
    return replace(bench, sandbox=Counting(Bubblewrap.probe(bubblewrap_path())))


def _stack(image: CorpusImage, bench: Workbench, scratch: Path) -> Stack:
    layout = image.build(scratch / image.name.replace(" ", "-")).layout
    return _stacked(layout, bench)


def _stacked(layout: Path, bench: Workbench) -> Stack:
    layers = inventories(layout, partial(analyse, bench=bench))
    assert isinstance(layers, Sequence), layers
    return Stack.of(layers)


def test_the_corpus_gives_the_same_reports(
    stacks: Mapping[str, Stack], corpus_bench: Workbench, tmp_path: Path
) -> None:
    """All in one batch, whatever the one before it was: findings, packages, warnings, look-ups."""
    warm = match_warm([*stacks.values()], corpus_bench, scratch=tmp_path, ends_at=math.inf)
    for (name, stack), seen in zip(stacks.items(), warm, strict=True):
        alone = match(stack, corpus_bench, scratch=tmp_path)
        assert seen == alone, name
        assert getattr(seen, "looked_up", None) == getattr(alone, "looked_up", None), name


def test_samples_give_the_same_reports(sample_bench: Workbench, tmp_path: Path) -> None:
    """Those that people are shown."""
    try:
        samples = [build(name, tmp_path, PackageCache(PACKAGES)) for name in SAMPLE_NAMES]
    except PackageUnavailableError as error:
        unavailable(str(error))
    found = [_stacked(sample.layout, sample_bench) for sample in samples]
    alone = [match(stack, sample_bench, scratch=tmp_path) for stack in found]
    assert [*match_warm(found, sample_bench, scratch=tmp_path, ends_at=math.inf)] == alone
