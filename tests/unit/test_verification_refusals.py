from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import RegistryError, VerificationError
from scanner.model import Digest, NotApplicableReason, Severity, Status, UnknownReason
from scanner.store.comparison import compare
from tests.examples import ADVISORIES, IMAGE, finding, scan_report
from tests.reports import SCANNER, deleted_report
from tests.verified_reports import Worker, image_of


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """A worker with one image in its registry, in which there is a critical finding."""
    worker = Worker(scratch=tmp_path)
    worker.registry.manifests[IMAGE.digest] = image_of(IMAGE.digest)
    worker.scanner.otherwise = scan_report(finding(Severity.CRITICAL), finding(Severity.LOW))
    return worker


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
