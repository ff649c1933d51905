import json
from dataclasses import replace
from datetime import timedelta

from scanner.model import Digest, FixStatus, ImageFacts, Severity, Weakness, WeaknessKind
from scanner.ports import Check
from scanner.store import report_json
from tests.command_line import HOSTILE, OBEYED, pushscan
from tests.examples import DIGEST, IMAGE, NOW, finding, scan_report
from tests.reports import (
    AMD64,
    ARM64,
    decided,
    healthy_report,
    index_report,
    not_applicable_report,
    unhealthy_report,
    unknown_report,
)
from tests.shown_reports import NAME, store_of


def test_a_verdict_is_shown_with_all_that_it_rests_on() -> None:
    """Verdict, why, counts, findings with fix and link, scanner, advisories, time."""
    result = pushscan("show", NAME, store=store_of(decided(unhealthy_report())))
    assert result.exit_code == 0
    for text in (
        NAME,
        str(DIGEST),
        "UNHEALTHY",
        "2 findings at or above HIGH, the worst CRITICAL.",
        "severity-threshold",
        "1 critical, 1 high, 0 medium, 0 low, 0 unknown",
        "debian 12.15, 88 packages, linux/amd64",
        "trivy 0.76.0 in bubblewrap 0.12.0",
        "mirror.gcr.io/aquasec/trivy-db:2 of 2026-11-22 12:00 UTC",
        "2026-11-22 12:00 UTC, 5 h ago",
        "CVE-2019-10906  jinja2 2.10 -> 2.10.1",
        "https://example.org/CVE-2019-10906",
        "Upgrade jinja2 (python-pkg) from 2.10 to 2.10.1 (clears CVE-2019-10906)",
        "app/broken.jar: not a zip file",
    ):
        assert text in result.stdout


def test_the_worst_findings_come_first_and_the_rest_is_counted() -> None:
    """Ten are shown."""
    low = [
        replace(finding(Severity.LOW), vulnerability=f"CVE-2020-1{n:03}", package=f"low{n:02}")
        for n in range(10)
    ]
    scan = scan_report(*low, finding(Severity.MEDIUM), finding(Severity.CRITICAL))
    shown = pushscan("show", NAME, store=store_of(replace(healthy_report(), scan=scan))).stdout
    assert "the worst 10 of 12" in shown
    assert shown.index("CRITICAL  ") < shown.index("MEDIUM  ") < shown.index("low00")
    assert "low07" in shown
    assert "low08" not in shown


def test_secrets_and_settings_are_shown_by_their_place() -> None:
    """What would have to be changed, and where; the worst come first, and the rest is counted."""
    secrets = [
        Weakness(
            kind=WeaknessKind.SECRET,
            id="github-pat",
            severity=Severity.CRITICAL,
            title="GitHub Personal Access Token",
            path=f"app/{HOSTILE}.env",
            line=line,
            layer_diff_id="sha256:" + "1a" * 32,
        )
        for line in range(1, 13)
    ]
    root = Weakness(
        kind=WeaknessKind.MISCONFIGURATION,
        id="root-user",
        severity=Severity.MEDIUM,
        title="it runs as root",
    )
    report = replace(
        healthy_report(),
        scan=replace(scan_report(), weaknesses=tuple(secrets)),
        facts=ImageFacts(weaknesses=(root,)),
    )
    shown = pushscan("show", NAME, store=store_of(report)).stdout
    assert "Secrets, the worst 10 of 12" in shown
    assert "CRITICAL  GitHub Personal Access Token  app/" in shown
    assert ".env:10\n" in shown
    assert ".env:11\n" not in shown
    assert f"github-pat, in layer sha256:{'1a' * 32}" in shown
    assert "Settings\n  MEDIUM    it runs as root\n            root-user\n" in shown
    assert not [character for character in OBEYED if character in shown]


def test_json_is_the_stored_report() -> None:
    """One document of the published schema, and nothing else."""
    report = unhealthy_report(tag="v6")
    store = store_of(report, unhealthy_report(tag="v7"))
    result = pushscan("show", NAME, "--json", store=store)
    assert json.loads(result.stdout) == json.loads(report_json.encode(report))
    assert result.stderr == ""


def test_sample_advisories_are_told_loudly() -> None:
    """A healthy verdict by them says nothing about an image that is not a sample."""
    report = healthy_report()
    assert report.advisories
    sample = replace(report, advisories=replace(report.advisories, source="bundled-sample"))
    assert "SAMPLE ADVISORIES" in pushscan("show", NAME, store=store_of(sample)).stdout
    assert "SAMPLE" not in pushscan("show", NAME, store=store_of(report)).stdout


def test_each_platform_of_an_index_is_shown_with_its_own_counts() -> None:
    """The index itself shows the most that one platform has."""
    index = Digest("sha256:" + "1d" * 32)
    amd64 = decided(unhealthy_report(tag=None))
    arm64 = replace(
        healthy_report(tag=None),
        id="a" * 64,
        image=replace(IMAGE, digest=Digest("sha256:" + "a6" * 32), tag=None),
    )
    both = index_report((AMD64, amd64), (ARM64, arm64), digest=index)
    store = store_of(amd64, arm64, replace(both, id="1" * 64))
    shown = pushscan("show", NAME, store=store).stdout
    assert "linux/amd64     unhealthy     1 critical, 1 high, 0 medium" in shown
    assert "linux/arm64/v8  healthy       0 critical, 0 high, 0 medium" in shown
    assert f"@{arm64.image.digest}" in shown
    assert "  findings    1 critical, 1 high, 0 medium" in shown
    assert "What would mend it for linux/amd64" in shown
    assert "Upgrade jinja2 (python-pkg) from 2.10 to 2.10.1" in shown


def test_an_unknown_verdict_says_what_to_do() -> None:
    """And its reason."""
    shown = pushscan("show", NAME, store=store_of(unknown_report())).stdout
    assert "UNKNOWN (corrupt-layer)  Layer 2 is not what its digest says." in shown
    assert "Build and push the image again" in shown


def test_what_is_no_image_needs_no_mending() -> None:
    """A signature cannot be unhealthy."""
    shown = pushscan("show", NAME, store=store_of(not_applicable_report())).stdout
    assert "NOT-APPLICABLE (signature)" in shown
    assert "mend" not in shown


def test_a_finding_without_a_fix_is_said_to_have_none() -> None:
    """Nobody shall look for an upgrade that does not exist."""
    unfixed = replace(finding(fixed_version=""), status=FixStatus.WILL_NOT_FIX)
    verdict = replace(unhealthy_report().verdict, violations=(unfixed,))
    report = decided(replace(unhealthy_report(), verdict=verdict, scan=scan_report(unfixed)))
    shown = pushscan("show", NAME, store=store_of(report)).stdout
    assert "jinja2 2.10 -> no fix (will not fix)" in shown
    assert "Remove jinja2 (python-pkg) 2.10, which has no fixed version" in shown
    assert "Upgrade" not in shown


def test_a_verdict_that_still_stands_says_against_what() -> None:
    """The report stays what it was; the row knows what came since."""
    store = store_of(unhealthy_report())
    assert "still so" not in pushscan("show", NAME, store=store).stdout
    current = store.current(IMAGE)
    assert current is not None
    later = NOW + timedelta(hours=4)
    store.confirm(current, Check(at=later, advisories=DIGEST, advisories_of=later))
    shown = pushscan("show", NAME, store=store).stdout
    assert "still so    2026-11-22 16:00 UTC, against advisories of 2026-11-22 16:00 UTC" in shown
