"""Each sample, pushed by a registry client, must get the verdict that is written beside it."""

import pytest

from local.samples.expected import EXPECTED, ExpectedFinding
from scanner.model import Report, Status
from tests.e2e.conftest import Pushscan, eventually

pytestmark = pytest.mark.integration


def findings(pushscan: Pushscan, report: Report) -> frozenset[ExpectedFinding]:
    """Return the findings of a report, and for an index those of its platforms."""
    store = pushscan.wiring.store
    reports = [store.find_report(entry.report_id) for entry in report.platforms] or [report]
    return frozenset(
        ExpectedFinding(
            finding.vulnerability,
            finding.package,
            finding.installed_version,
            finding.fixed_version,
            finding.severity,
        )
        for each in reports
        if each and each.scan
        for finding in each.scan.findings
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_a_pushed_sample_gets_its_verdict(pushscan: Pushscan, name: str) -> None:
    """Status, reason and every finding; and one notice where one is due, none where not."""
    expected = EXPECTED[name]
    image = pushscan.push(name, f"samples/{name}:v1")
    report = pushscan.report(image)
    verdict = report.verdict
    assert (verdict.status, verdict.reason) == (expected.status, expected.reason)
    assert findings(pushscan, report) == expected.findings
    if expected.status in {Status.UNHEALTHY, Status.UNKNOWN}:
        receiver = (
            pushscan.stack.images
            if expected.status is Status.UNHEALTHY
            else pushscan.stack.operators
        )
        subject = f"{image.repository}@{image.digest}"
        eventually(lambda: [n for n in receiver.notices if n["subject"] == subject] or None)
    told = pushscan.stack.images.notices + pushscan.stack.operators.notices
    about = [n for n in told if n["subject"].startswith(f"{image.repository}@")]
    assert len(about) == (expected.status in {Status.UNHEALTHY, Status.UNKNOWN})


def test_no_credential_reaches_the_storage_host(pushscan: Pushscan) -> None:
    """Blobs are fetched by signed links alone."""
    pushscan.report(pushscan.push("plain", "samples/plain-again:v1"))
    assert pushscan.stack.registry.authorization_leaks == ()
