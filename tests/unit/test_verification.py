from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.errors import AdvisoriesError, RegistryError, StoreError, VerificationError
from scanner.examination import Examiner
from scanner.model import (
    Advisories,
    AppliedPolicy,
    Digest,
    ImageFacts,
    NotApplicable,
    NotApplicableReason,
    Report,
    Rulebook,
    ScanReport,
    Severity,
    Status,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import IndexEntry, Resolved, ResolvedImage, ResolvedIndex
from scanner.store import report_json
from scanner.store.comparison import compare
from scanner.verification import Verifier
from tests.examples import ADVISORIES, IMAGE, NOW, finding, job, scan_report
from tests.fakes import (
    InMemoryInventoryStore,
    InMemoryReportStore,
    InMemoryStreams,
    RecordingOutbox,
    StubRegistry,
    StubScanner,
    examiner_on,
    pipeline_on,
    publisher_on,
)
from tests.policies import MILD, STRICT, find, strict
from tests.reports import AMD64, ARM64, SCANNER, deleted_report

CHILDREN = tuple(Digest(f"sha256:{number:064x}") for number in (1, 2))


@dataclass(kw_only=True)
class Worker:
    """A worker, and who verifies what it said with the same registry and databases."""

    scratch: Path
    rulebook: Rulebook = STRICT
    has_lost_policies: bool = False
    kept: Rulebook | None = None
    registry: StubRegistry = field(default_factory=StubRegistry)
    scanner: StubScanner = field(
        default_factory=lambda: StubScanner(
            scanner=SCANNER, database=ADVISORIES, otherwise=scan_report()
        )
    )
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    outbox: RecordingOutbox = field(default_factory=RecordingOutbox)
    streams: InMemoryStreams = field(default_factory=InMemoryStreams)
    inventories: InMemoryInventoryStore = field(default_factory=InMemoryInventoryStore)

    def examiner(self) -> Examiner:
        """Return what examines."""
        return examiner_on(self.registry, self.scanner, self.inventories, self.scratch)

    def judge(self) -> Report:
        """Judge the image of the examples."""
        publisher = publisher_on(
            self.store,
            self.streams,
            self.outbox,
            rulebook=lambda: self.rulebook,
            clock=lambda: NOW,
        )
        pipeline = pipeline_on(self.examiner(), self.store, publisher, clock=lambda: NOW)
        return pipeline.judge(job())

    def again(self, report: Report) -> Report:
        """Examine again what a report is about."""
        return Verifier(
            examiner=self.examiner(),
            find_advisories=self.find_advisories,
            find_rulebook=self.find_rulebook,
        ).examine_again(report)

    def find_rulebook(self, applied: AppliedPolicy) -> Rulebook:
        """Return what decided, unless nobody has kept it."""
        if self.has_lost_policies:
            raise StoreError("policies.read: it is not kept")
        return self.kept or find(applied)

    def find_advisories(self, wanted: Advisories) -> Advisories:
        """Return the one database that there is."""
        if wanted != self.scanner.database:
            raise AdvisoriesError("removed by two updates since")
        return self.scanner.database


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """A worker with one image in its registry, in which there is a critical finding."""
    worker = Worker(scratch=tmp_path)
    worker.registry.manifests[IMAGE.digest] = _image(IMAGE.digest)
    worker.scanner.otherwise = scan_report(finding(Severity.CRITICAL), finding(Severity.LOW))
    return worker


def _image(digest: Digest) -> ResolvedImage:
    return ResolvedImage(
        reference=replace(IMAGE, digest=digest, tag=None),
        platform=AMD64,
        manifest=b"{}",
        config=b"{}",
        facts=ImageFacts(user="app", created_at=NOW),
    )


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
        _image(IMAGE.digest),
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
    worker.registry.manifests[first] = _image(first)
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


def test_a_database_that_is_gone_is_named(worker: Worker) -> None:
    """Nothing is proved without it."""
    report = worker.judge()
    worker.scanner.database = replace(ADVISORIES, digest=Digest("sha256:" + "0b" * 32))
    with pytest.raises(VerificationError, match=f"{ADVISORIES.digest} of 2026-11-22 12:00 UTC"):
        worker.again(report)


def test_another_scanner_is_named_beside_the_first(worker: Worker) -> None:
    """By version and by the digest of its binary; another sandbox is none."""
    report = worker.judge()
    worker.scanner.scanner = replace(SCANNER, isolation="landlock 4")
    assert compare(report, worker.again(report)).is_equal
    worker.scanner.scanner = replace(SCANNER, version="0.77.0")
    with pytest.raises(VerificationError, match=r"by trivy 0\.76\.0 .*here is trivy 0\.77\.0 \("):
        worker.again(report)
    worker.scanner.scanner = replace(SCANNER, digest=Digest("sha256:" + "0b" * 32))
    with pytest.raises(VerificationError, match="0b0b"):
        worker.again(report)


def test_an_image_that_the_registry_no_longer_has_proves_nothing(worker: Worker) -> None:
    """It is neither equal nor different."""
    report = worker.judge()
    worker.registry.manifests.clear()
    with pytest.raises(VerificationError, match="no longer has"):
        worker.again(report)


@pytest.mark.parametrize("reason", [UnknownReason.ABANDONED, NotApplicableReason.DELETED])
def test_what_was_no_examination_cannot_be_repeated(
    worker: Worker, reason: UnknownReason | NotApplicableReason
) -> None:
    """A job that was given up, and a manifest that was gone."""
    is_unknown = isinstance(reason, UnknownReason)
    verdict = replace(
        deleted_report().verdict,
        status=Status.UNKNOWN if is_unknown else Status.NOT_APPLICABLE,
        reason=reason,
    )
    with pytest.raises(VerificationError, match="cannot be repeated"):
        worker.again(replace(deleted_report(), verdict=verdict))


def test_an_outage_is_no_difference(worker: Worker) -> None:
    """Our own faults come out as they are."""
    report = worker.judge()
    worker.registry.outage = RegistryError("out of reach")
    with pytest.raises(RegistryError):
        worker.again(report)
