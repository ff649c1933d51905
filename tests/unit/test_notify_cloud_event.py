import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Digest, Platform, PlatformVerdict, Report, Severity
from scanner.notify.cloud_event import MAX_BODY_BYTES, MAX_PLATFORMS, TOP_FINDINGS, compose
from scanner.notify.plain_text import plain
from tests.examples import finding
from tests.reports import AMD64, ARM64, index_report, unhealthy_report, unknown_report

NOTICE_ID = "ab" * 32


def _event(report: Report, *, tag: str | None = "v7") -> dict[str, Any]:
    event: dict[str, Any] = json.loads(compose(report, notice_id=NOTICE_ID, tag=tag))
    return event


def test_an_event_says_what_to_act_on() -> None:
    """Which image, what was decided by which rule, the worst findings and what fixes them."""
    report = unhealthy_report()
    assert _event(report) == {
        "specversion": "1.0",
        "id": NOTICE_ID,
        "source": "https://contoso.azurecr.io",
        "type": "dev.pushscan.image.unhealthy",
        "subject": f"shop/cart@{report.image.digest}",
        "time": "2026-11-22T12:00:00.000000Z",
        "datacontenttype": "application/json",
        "data": {
            "image": "contoso.azurecr.io/shop/cart:v7",
            "registry": "contoso.azurecr.io",
            "repository": "shop/cart",
            "digest": str(report.image.digest),
            "tag": "v7",
            "platforms": [
                {
                    "platform": "linux/amd64",
                    "digest": str(report.image.digest),
                    "verdict": "unhealthy",
                }
            ],
            "verdict": "unhealthy",
            "reason": None,
            "rule": "severity-threshold",
            "explanation": "2 findings at or above HIGH, the worst CRITICAL.",
            "counts": {"CRITICAL": 1, "HIGH": 1, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 0},
            "findings": [
                {
                    "vulnerability": "CVE-2021-44228",
                    "severity": "CRITICAL",
                    "package": "log4j-core",
                    "installed_version": "2.10",
                    "fixed_version": "2.10.1",
                    "title": "sandbox escape",
                },
                {
                    "vulnerability": "CVE-2019-10906",
                    "severity": "HIGH",
                    "package": "jinja2",
                    "installed_version": "2.10",
                    "fixed_version": "2.10.1",
                    "title": "sandbox escape",
                },
            ],
            "findings_total": 2,
            "advisories": "mirror.gcr.io/aquasec/trivy-db:2",
            "report_id": report.id,
        },
    }


def test_an_unknown_image_comes_with_its_reason() -> None:
    """Operators need to know what to mend."""
    event = _event(unknown_report(), tag=None)
    assert event["type"] == "dev.pushscan.image.unknown"
    assert (event["data"]["verdict"], event["data"]["reason"]) == ("unknown", "corrupt-layer")
    assert event["data"]["image"] == event["data"]["registry"] + "/" + event["subject"]


def test_an_index_names_its_platforms_and_counts_a_finding_once() -> None:
    """The platforms of an index mostly share their findings."""
    child = unhealthy_report()
    index = index_report((AMD64, child), (ARM64, child), digest=Digest("sha256:" + "1d" * 32))
    doubled = replace(index.verdict, violations=child.verdict.violations * 2)
    data = _event(replace(index, verdict=doubled))["data"]
    assert [entry["platform"] for entry in data["platforms"]] == ["linux/amd64", "linux/arm64/v8"]
    assert (data["findings_total"], data["counts"]["CRITICAL"]) == (2, 1)


def test_only_the_worst_findings_are_told_and_fixable_ones_first() -> None:
    """The rest is in the report."""
    findings = [
        replace(finding(severity, fixed_version=fixed), vulnerability=f"CVE-{n}")
        for n, (severity, fixed) in enumerate(
            [
                (Severity.HIGH, ""),
                (Severity.CRITICAL, ""),
                (Severity.HIGH, "2"),
                (Severity.LOW, "2"),
            ]
            + [(Severity.MEDIUM, "2")] * 4
        )
    ]
    report = unhealthy_report()
    verdict = replace(report.verdict, violations=tuple(findings))
    data = _event(replace(report, verdict=verdict))["data"]
    told = [entry["vulnerability"] for entry in data["findings"]]
    assert told == ["CVE-1", "CVE-2", "CVE-0", "CVE-4", "CVE-5"]
    assert (len(told), data["findings_total"]) == (TOP_FINDINGS, 8)


def test_text_that_hides_or_reorders_is_taken_out() -> None:
    """A title must not pretend to be another one (CVE-2021-42574, "Trojan Source")."""
    assert plain("a\u202eb\u200bc\x1b[31md\x00e\u2028f\x85g\ufeff", 50) == "abc[31mdefg"
    assert plain("one\ntwo\tthree", 50) == "one two three"
    assert plain("Übermaß 漢字 🦀", 50) == "Übermaß 漢字 🦀"


def test_text_that_is_cut_says_so() -> None:
    """At the limit it is whole, beyond it ends in an ellipsis."""
    assert plain("x" * 200, 200) == "x" * 200
    assert plain("x" * 201, 200) == "x" * 199 + "…"


@given(st.text(max_size=400), st.integers(1, 60))
def test_plain_text_is_always_within_its_limit(text: str, limit: int) -> None:
    """Whatever comes, it is encodable, on one line and short."""
    cleaned = plain(text, limit)
    assert len(cleaned) <= limit
    assert cleaned.encode().decode().isprintable()


def test_the_worst_that_an_image_can_bring_fits() -> None:
    """Every text as long and as wide as can be, every list full: still under 64 KiB."""
    wide = "\U0001f980" * 100_000
    hostile = replace(
        finding(),
        vulnerability=wide,
        package=wide,
        installed_version=wide,
        fixed_version=wide,
        title=wide,
    )
    findings = tuple(replace(hostile, package=f"{n}{wide}") for n in range(10))
    report = unhealthy_report()
    entry = PlatformVerdict(
        platform=Platform(os=wide, architecture=wide),
        digest=report.image.digest,
        verdict=report.verdict,
        report_id=report.id,
        counts=report.severity_counts(),
    )
    report = replace(
        report,
        platform=None,
        scan=None,
        platforms=(entry,) * 1000,
        verdict=replace(report.verdict, explanation=wide, rule=wide, violations=findings),
    )
    body = compose(report, notice_id=NOTICE_ID, tag="v7")
    assert len(body) <= MAX_BODY_BYTES
    assert len(json.loads(body)["data"]["platforms"]) == MAX_PLATFORMS
