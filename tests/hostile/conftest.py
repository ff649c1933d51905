"""The pipeline as a worker has it, over a registry that holds whatever a test puts into it."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.samples.advisories import install_sample
from scanner.examination import Examiner
from scanner.pipeline import Pipeline
from scanner.registry import AcrRegistry, Limits, Timing
from scanner.trivy import AdvisoryDirectory, TrivyScanner
from tests.fakes import (
    InMemoryInventoryStore,
    InMemoryReportStore,
    InMemoryStreams,
    RecordingOutbox,
    publisher_on,
)
from tests.fakes.ancestors import ancestries_of
from tests.hostile.images import LIMITS, Judge
from tests.policies import STRICT
from tests.registry_server import LocalCredential, run_registry
from tests.sandbox_programs import bubblewrap_path, trivy_path

_MIB = 1 << 20
_REGISTRY_LIMITS = Limits(uncompressed_bytes=128 * _MIB)
_TIMING = Timing(sleep=lambda _: None, connect_seconds=5.0, read_seconds=5.0)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not pytest's own: a second pytest that starts takes its folder from the scan's user."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def judge(folder: Path) -> Iterator[Judge]:
    """The real registry adapter over TLS, the real Trivy in its sandbox; limits are lowered."""
    advisories, scratch = folder / "advisories", folder / "scratch"
    scratch.mkdir()
    store = InMemoryReportStore()
    install_sample(advisories, updated_at=datetime.now(UTC))
    with run_registry(folder) as running:
        yield Judge(
            running=running,
            pipeline=Pipeline(
                examiner=Examiner(
                    registry=AcrRegistry(
                        credential=LocalCredential(),
                        registries=frozenset({running.registry}),
                        ca_file=running.ca_file,
                        blob_hosts=frozenset({running.storage}),
                        limits=_REGISTRY_LIMITS,
                        timing=_TIMING,
                    ),
                    scanner=TrivyScanner(
                        trivy=trivy_path(),
                        bubblewrap=bubblewrap_path(),
                        directory=AdvisoryDirectory(advisories),
                        limits=LIMITS,
                        scratch=scratch,
                    ),
                    inventories=InMemoryInventoryStore(),
                    scratch=scratch,
                    analyses_at_once=2,
                ),
                publisher=publisher_on(
                    store,
                    InMemoryStreams(),
                    RecordingOutbox(),
                    rulebook=lambda: STRICT,
                    clock=lambda: datetime.now(UTC),
                ),
                ancestries=ancestries_of(store),
                clock=lambda: datetime.now(UTC),
            ),
        )
