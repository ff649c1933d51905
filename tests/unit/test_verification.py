from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.model import (
    Digest,
    NotApplicable,
    NotApplicableReason,
    ScanReport,
    Severity,
    Status,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import IndexEntry, Resolved, ResolvedIndex
from scanner.store import report_json
from scanner.store.comparison import compare
from tests.examples import ADVISORIES, IMAGE, NOW, finding, scan_report
from tests.fakes import InMemoryInventoryStore, InMemoryReportStore
from tests.policies import MILD, STRICT, strict
from tests.reports import AMD64, ARM64, SCANNER
from tests.verified_reports import Worker, image_of

CHILDREN = tuple(Digest(f"sha256:{number:064x}") for number in (1, 2))


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """A worker with one image in its registry, in which there is a critical finding."""
    worker = Worker(scratch=tmp_path)
    worker.registry.manifests[IMAGE.digest] = image_of(IMAGE.digest)
    worker.scanner.otherwise = scan_report(finding(Severity.CRITICAL), finding(Severity.LOW))
    return worker


def _index() -> ResolvedIndex:
    return ResolvedIndex(
        reference=IMAGE,
        children=tuple(
            IndexEntry(platform=platform, reference=replace(IMAGE, digest=digest, tag=None))
            for platform, digest in zip((AMD64, ARM64), CHILDREN, strict=True)
        ),
    )


@pytest.mark.parametrize(
    "resolved",
    [
        image_of(IMAGE.digest),
        Unexaminable(reason=UnknownReason.MALFORMED_MANIFEST, detail="No JSON."),
        NotApplicable(reason=NotApplicableReason.SIGNATURE, detail="notary"),
        _index(),
    ],
    ids=["image", "malformed", "signature", "index"],
)
@pytest.mark.parametrize(
    "seen",
    [
        scan_report(),
        scan_report(finding(Severity.CRITICAL), warnings=("not examined: a.jar",)),
        Unexaminable(reason=UnknownReason.TIMEOUT, detail="480 seconds were not enough."),
    ],
    ids=["clean", "vulnerable", "timeout"],
)
def test_the_same_inputs_say_the_same(
    worker: Worker, resolved: Resolved, seen: ScanReport | Unexaminable
) -> None:
    """Whatever the manifest is, and whatever is in it; the verifier and the worker agree."""
    worker.scanner.otherwise = seen
    worker.registry.manifests[IMAGE.digest] = resolved
    first, second = CHILDREN
    worker.registry.manifests[first] = image_of(first)
    worker.registry.manifests[second] = replace(_index())
    report = worker.judge()
    comparison = compare(report, worker.again(report))
    assert comparison.differences == ()
    assert comparison.is_equal


def test_nothing_is_stored_but_inventories_and_nobody_is_told(worker: Worker) -> None:
    """It is a look, and a second look at known layers pulls nothing."""
    report = worker.judge()
    stored, told = dict(worker.store.reports), list(worker.outbox.announced)
    pulled = list(worker.registry.pulled_layers)
    worker.again(report)
    assert (worker.store.reports, worker.outbox.announced) == (stored, told)
    assert worker.registry.pulled_layers == pulled
    worker.inventories = InMemoryInventoryStore()
    worker.again(report)
    assert worker.registry.pulled_layers == [*pulled, *pulled]
    assert worker.inventories.inventories


def test_two_workers_write_the_same_bytes(worker: Worker, tmp_path: Path) -> None:
    """The whole report from the same sandbox; the evidence from another one too."""
    one = worker.judge()
    (tmp_path / "other").mkdir()
    other = replace(worker, scratch=tmp_path / "other", store=InMemoryReportStore())
    assert report_json.encode(other.judge()) == report_json.encode(one)
    other.scanner = replace(
        worker.scanner, scanner=replace(SCANNER, isolation="landlock 4, Linux 5.15")
    )
    other.store = InMemoryReportStore()
    confined_otherwise = other.judge()
    assert confined_otherwise.id != one.id
    assert report_json.encode_evidence(confined_otherwise) == report_json.encode_evidence(one)


def test_it_is_judged_by_the_policy_and_as_of_the_time_of_the_report(worker: Worker) -> None:
    """Not by what is set now, nor by how old the database is by now."""
    worker.rulebook = strict(Severity.LOW, max_advisory_age_hours=1)
    report = worker.judge()
    worker.kept = worker.rulebook
    worker.rulebook = STRICT
    assert len(report.verdict.violations) == 2
    assert compare(report, worker.again(report)).is_equal
    stale = replace(report, as_of=NOW + timedelta(hours=2))
    assert worker.again(stale).verdict.reason is UnknownReason.STALE_ADVISORIES


def test_a_report_that_leaves_a_finding_out_is_found_out(worker: Worker) -> None:
    """With the finding that it does not tell of, and what else follows from that."""
    report = worker.judge()
    assert report.scan
    critical, low = report.scan.findings
    healthy = replace(
        report,
        verdict=replace(report.verdict, status=Status.HEALTHY, violations=()),
        scan=replace(report.scan, findings=(low,)),
        decisions=report.decisions[1:],
    )
    comparison = compare(healthy, worker.again(healthy))
    assert not comparison.is_equal
    assert comparison.only_again == (critical,)
    assert comparison.only_stored == ()
    told = {one.member: (one.stored, one.again) for one in comparison.differences}
    assert told["verdict.status"] == ('"healthy"', '"unhealthy"')
    assert told["scan.findings"] == ("1, 0 of them only here", "2, 1 of them only here")
    assert set(told) == {"id", "verdict.status", "verdict.violations", "scan.findings", "decisions"}


def test_another_policy_in_the_report_is_found_out(worker: Worker) -> None:
    """A report that was made to be healthy by a mild policy is no longer what its id says."""
    report = worker.judge()
    mild = replace(report, policy=MILD)
    [difference] = compare(mild, worker.again(mild)).differences[:1]
    assert difference.member == "id"
    assert difference.stored == f'"{report.id}"'


def test_an_image_that_a_report_calls_none_is_found_out(worker: Worker) -> None:
    """A signature is not looked at; whoever calls an image one is."""
    report = worker.judge()
    verdict = replace(
        report.verdict,
        status=Status.NOT_APPLICABLE,
        reason=NotApplicableReason.SIGNATURE,
        violations=(),
    )
    hidden = replace(report, verdict=verdict, scan=None, scanner=None, advisories=None)
    assert worker.again(hidden).verdict.status is Status.UNHEALTHY


def test_another_index_of_jars_is_another_report(worker: Worker) -> None:
    """It names packages, so it decides what is found; the id must tell the two apart."""
    report = worker.judge()
    worker.scanner.database = replace(ADVISORIES, java_digest=Digest("sha256:" + "0b" * 32))
    assert worker.judge().id != report.id
