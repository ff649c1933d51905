from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.checking import Checker, KeptInventories
from scanner.errors import AdvisoriesError, NoImageError
from scanner.examination import Examiner
from scanner.exports import Exported
from scanner.model import (
    Digest,
    NotApplicable,
    NotApplicableReason,
    Severity,
    Status,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import IndexEntry, Resolved, ResolvedImage, ResolvedIndex
from scanner.store import report_json
from tests.examples import ADVISORIES, IMAGE, NOW, finding, job, scan_report
from tests.fakes import (
    InMemoryReportStore,
    InMemoryStreams,
    RecordingOutbox,
    StubRegistry,
    StubScanner,
    examiner_on,
    pipeline_on,
    publisher_on,
)
from tests.policies import STRICT
from tests.reports import AMD64, ARM64, SCANNER

CHILDREN = tuple(Digest(f"sha256:{number:064x}") for number in (1, 2))


def _image(digest: Digest = IMAGE.digest) -> ResolvedImage:
    reference = replace(IMAGE, digest=digest, tag=None)
    return ResolvedImage(reference=reference, platform=AMD64, manifest=b"{}", config=b"{}")


def _index() -> dict[Digest, Resolved]:
    entries = tuple(
        IndexEntry(platform=platform, reference=replace(IMAGE, digest=digest, tag=None))
        for platform, digest in zip((AMD64, ARM64), CHILDREN, strict=True)
    )
    return {
        IMAGE.digest: ResolvedIndex(reference=IMAGE, children=entries),
        **{digest: _image(digest) for digest in CHILDREN},
    }


@dataclass(kw_only=True)
class Gate:
    """A check on a registry and a scanner of the test's own."""

    scratch: Path
    registry: StubRegistry = field(default_factory=StubRegistry)
    scanner: StubScanner = field(
        default_factory=lambda: StubScanner(
            scanner=SCANNER, database=ADVISORIES, otherwise=scan_report()
        )
    )

    def examiner(self) -> Examiner:
        """Return what examines."""
        return examiner_on(self.registry, self.scanner, KeptInventories(), self.scratch)

    def check(self, *, platform: str = "") -> Exported:
        """Check the image of the examples."""
        checker = Checker(examiner=self.examiner(), rulebook=STRICT, clock=lambda: NOW)
        return checker.check(IMAGE, platform=platform)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Return a gate on an image without findings."""
    gate = Gate(scratch=tmp_path)
    gate.registry.manifests[IMAGE.digest] = _image()
    return gate


@pytest.mark.parametrize("kind", ["healthy", "unhealthy", "unknown", "not-applicable", "index"])
def test_a_check_says_what_the_worker_says(gate: Gate, kind: str) -> None:
    """Of the same image, by the same inputs; nothing but the occasion differs."""
    if kind == "unhealthy":
        gate.scanner.otherwise = scan_report(finding(Severity.CRITICAL))
    elif kind == "unknown":
        gate.scanner.otherwise = Unexaminable(reason=UnknownReason.TIMEOUT, detail="too slow")
    elif kind == "not-applicable":
        gate.registry.manifests[IMAGE.digest] = NotApplicable(reason=NotApplicableReason.SBOM)
    elif kind == "index":
        gate.registry.manifests.update(_index())
        gate.scanner.seen[CHILDREN[1],] = scan_report(finding())
    about = gate.check()
    store = InMemoryReportStore()
    publisher = publisher_on(
        store,
        InMemoryStreams(),
        RecordingOutbox(),
        rulebook=lambda: STRICT,
        clock=lambda: NOW,
    )
    judged = pipeline_on(gate.examiner(), store, publisher, clock=lambda: NOW).judge(job())
    assert report_json.evidence(about.report) == report_json.evidence(judged)
    for one in about.platforms if kind == "index" else ():
        current = store.current(replace(IMAGE, digest=one.digest))
        assert current is not None
        of_worker = store.find_report(current.report_id)
        assert one.report is not None
        assert of_worker is not None
        of_worker = replace(of_worker, platform=one.report.platform)
        assert report_json.evidence(one.report) == report_json.evidence(of_worker)


def test_one_platform_of_several_is_judged_alone(gate: Gate) -> None:
    """As where only one is built here."""
    gate.registry.manifests.update(_index())
    gate.scanner.seen[CHILDREN[1],] = scan_report(finding())
    assert gate.check().report.verdict.status is Status.UNHEALTHY
    assert gate.check(platform="linux/amd64").report.verdict.status is Status.HEALTHY
    assert gate.check(platform="linux/arm64").report.verdict.status is Status.UNHEALTHY
    assert gate.check(platform="linux/arm64/v8").report.verdict.status is Status.UNHEALTHY
    with pytest.raises(NoImageError, match="but linux/amd64, linux/arm64/v8"):
        gate.check(platform="windows/amd64")


def test_an_image_of_another_platform_is_not_judged(gate: Gate) -> None:
    """Whoever asks for one platform must not be told of another."""
    assert gate.check(platform="linux/amd64").report.verdict.status is Status.HEALTHY
    with pytest.raises(NoImageError, match="is of linux/amd64, not of linux/arm64"):
        gate.check(platform="linux/arm64")


def test_stale_or_missing_advisories_prove_nothing(gate: Gate) -> None:
    """Unknown, or an error that says what to do; never healthy."""
    gate.scanner.database = replace(ADVISORIES, updated_at=NOW - timedelta(days=30))
    verdict = gate.check().report.verdict
    assert (verdict.status, verdict.reason) == (Status.UNKNOWN, UnknownReason.STALE_ADVISORIES)
    gate.scanner.outage = AdvisoriesError("no advisories")
    with pytest.raises(AdvisoriesError):
        gate.check()
