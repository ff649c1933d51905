"""Every hostile image gets an honest verdict: what was not fully examined is never healthy."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.samples.advisories import install_sample
from scanner import sandbox
from scanner.model import Policy
from scanner.pipeline import Pipeline
from scanner.publishing import Publisher
from scanner.registry import AcrRegistry, Limits, Timing
from scanner.trivy import AdvisoryDirectory, TrivyScanner
from tests.fakes import InMemoryReportStore, RecordingOutbox
from tests.hostile.images import DEBIAN, LODASH, Hostile, Judge, blobs, image, tar
from tests.hostile.images_coverage import COVERAGE, UNSEEN
from tests.hostile.images_layers import LAYERS
from tests.hostile.images_names import NAMES
from tests.hostile.images_registry import REGISTRY
from tests.registry_server import LocalCredential, run_registry
from tests.sandbox_programs import bubblewrap_path, trivy_path

pytestmark = pytest.mark.integration

_MIB = 1 << 20
_REGISTRY_LIMITS = Limits(uncompressed_bytes=128 * _MIB)
_SCAN_LIMITS = sandbox.Limits(wall_seconds=30.0, temporary_bytes=32 * _MIB)
_TIMING = Timing(sleep=lambda _: None, connect_seconds=5.0, read_seconds=5.0)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """The real registry adapter over TLS, the real Trivy in its sandbox; limits are lowered."""
    folder = tmp_path_factory.mktemp("hostile")
    advisories, scratch = folder / "advisories", folder / "scratch"
    scratch.mkdir()
    install_sample(advisories, updated_at=datetime.now(UTC))
    with run_registry(folder) as running:
        yield Judge(
            running=running,
            pipeline=Pipeline(
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
                    limits=_SCAN_LIMITS,
                ),
                publisher=Publisher(
                    store=InMemoryReportStore(), outbox=RecordingOutbox(), policy=Policy()
                ),
                scratch=scratch,
                clock=lambda: datetime.now(UTC),
            ),
        )


@pytest.mark.parametrize(
    "hostile",
    [*COVERAGE, *REGISTRY, *LAYERS, *NAMES],
    ids=lambda hostile: f"{hostile.name} is {hostile.verdict}",
)
def test_a_hostile_image_gets_its_verdict(judge: Judge, hostile: Hostile) -> None:
    """Through resolving, pulling, scanning and judging; nothing is left on the disk."""
    report = judge.report(hostile.put)
    assert str(report.verdict) == hostile.verdict, report.verdict.explanation
    assert report.verdict.explanation.isprintable()
    assert not list(judge.pipeline.scratch.iterdir())
    assert not Path("/tmp/pushscan-escaped").exists()  # noqa: S108 - what some of them try to write


@pytest.mark.xfail(reason="Trivy passes over these without a word, even with --debug")
@pytest.mark.parametrize("hostile", UNSEEN, ids=lambda hostile: str(hostile.name))
def test_what_the_scanner_does_not_see_is_still_healthy(judge: Judge, hostile: Hostile) -> None:
    """Known gaps: strictly expected to fail, so that the first Trivy to mend one is noticed."""
    assert str(judge.report(hostile.put).verdict) == hostile.verdict


@pytest.mark.parametrize(
    "age",
    [
        pytest.param(timedelta(days=730), id="two years old"),
        pytest.param(timedelta(days=-365 * 70), id="of 2096"),
    ],
)
@pytest.mark.parametrize("files", [DEBIAN, DEBIAN | LODASH], ids=["clean", "vulnerable"])
def test_advisories_of_another_time_prove_nothing(
    judge: Judge, tmp_path: Path, age: timedelta, files: dict[str, bytes]
) -> None:
    """Trivy itself says nothing about them."""
    install_sample(tmp_path, updated_at=datetime.now(UTC) - age)
    directory = AdvisoryDirectory(tmp_path)
    scanner = TrivyScanner(
        trivy=trivy_path(), bubblewrap=bubblewrap_path(), directory=directory, limits=_SCAN_LIMITS
    )
    other = replace(judge, pipeline=replace(judge.pipeline, scanner=scanner))
    assert str(other.report(image(tar(files))).verdict) == "unknown(stale-advisories)"


def test_an_image_cannot_rob_anothers_verdict(judge: Judge) -> None:
    """After an image that claims a victim's diff_id, the victim is judged as before."""
    victim = tar(DEBIAN | LODASH)
    before = judge.report(image(victim))
    judge.report(blobs([victim], [tar(DEBIAN)]))
    after = judge.report(image(victim))
    assert before.scan is not None
    assert after.scan == before.scan


def test_nothing_outside_the_registry_was_asked(judge: Judge) -> None:
    """No URL of a foreign layer, no realm, no host but the registry and its storage."""
    assert {seen.server for seen in judge.running.state.seen} <= {"registry", "storage"}
