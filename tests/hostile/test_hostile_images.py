"""Every hostile image gets an honest verdict: what was not fully examined is never healthy."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.samples.advisories import install_sample
from scanner.trivy import AdvisoryDirectory
from tests.hostile.corpus import CORPUS
from tests.hostile.images import DEBIAN, LODASH, Hostile, Judge, blobs, image, tar
from tests.hostile.tables import input_cell

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "hostile",
    CORPUS,
    ids=lambda hostile: f"{hostile.name} is {hostile.verdict}",
)
def test_a_hostile_image_gets_its_verdict(
    judge: Judge, hostile: Hostile, record_property: Callable[[str, object], None]
) -> None:
    """Through resolving, pulling, scanning and judging; nothing is left on the disk."""
    report = judge.with_scanner(limits=hostile.limits).report(hostile.put)
    record_property(*input_cell(hostile.name, hostile.ids, hostile.verdict, str(report.verdict)))
    assert str(report.verdict) == hostile.verdict, report.verdict.explanation
    assert report.verdict.explanation.isprintable()
    assert not list(judge.pipeline.examiner.scratch.iterdir())
    assert not Path("/tmp/pushscan-escaped").exists()  # noqa: S108 - what some of them try to write


@pytest.mark.parametrize(
    "age",
    [
        pytest.param(timedelta(days=730), id="two years old"),
        pytest.param(timedelta(days=-365 * 70), id="of 2096"),
    ],
)
@pytest.mark.parametrize("files", [DEBIAN, DEBIAN | LODASH], ids=["clean", "vulnerable"])
def test_advisories_of_another_time_prove_nothing(
    judge: Judge,
    tmp_path: Path,
    age: timedelta,
    files: dict[str, bytes],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    """Trivy itself says nothing about them."""
    install_sample(tmp_path, updated_at=datetime.now(UTC) - age)
    other = judge.with_scanner(directory=AdvisoryDirectory(tmp_path))
    came = str(other.report(image(tar(files))).verdict)
    required = "unknown(stale-advisories)"
    record_property(*input_cell(f"an image, {request.node.callspec.id}", ("B62",), required, came))
    assert came == required


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
