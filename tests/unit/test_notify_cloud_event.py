import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Remedy, RemedyKind, Report, Severity, Transition, TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.cloud_event import MAX_BODY_BYTES, MAX_TAGS, compose
from scanner.notify.composer import Composer
from scanner.notify.plain_text import plain
from tests.examples import NOW, finding
from tests.fakes import InMemoryReportStore
from tests.reports import judged_report, transition_by, unhealthy_report, unknown_report

NOTICE_ID = "ab" * 32


def _announcement(*stored: Report, transition: Transition | None = None) -> Announcement:
    store = InMemoryReportStore()
    for report in stored:
        store.save(report)
    made = transition or transition_by(stored[-1])
    return Composer(store=store).compose(made, notice_id=NOTICE_ID)


def _event(*stored: Report, transition: Transition | None = None) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(compose(_announcement(*stored, transition=transition)))
    return event


def test_an_event_says_what_to_act_on() -> None:
    """What happened to which image, by which rule, the worst findings and what fixes them."""
    report = unhealthy_report()
    assert _event(report) == {
        "specversion": "1.0",
        "id": NOTICE_ID,
        "source": "https://contoso.azurecr.io",
        "type": "dev.pushscan.image.newly-unhealthy",
        "subject": f"shop/cart@{report.image.digest}",
        "time": "2026-11-22T12:00:00.000000Z",
        "datacontenttype": "application/json",
        "data": {
            "summary": "Unhealthy: contoso.azurecr.io/shop/cart:v7, since 2026-11-22 12:00 UTC",
            "kind": "newly-unhealthy",
            "image": "contoso.azurecr.io/shop/cart:v7",
            "registry": "contoso.azurecr.io",
            "repository": "shop/cart",
            "digest": str(report.image.digest),
            "tag": "v7",
            "other_tags": [],
            "since": "2026-11-22T12:00:00.000000Z",
            "verdict": "unhealthy",
            "reason": None,
            "verdict_before": None,
            "rule": "severity-threshold",
            "explanation": "2 findings at or above HIGH, the worst CRITICAL.",
            "counts": {"CRITICAL": 1, "HIGH": 1, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 0},
            "remedies": [],
            "remedies_total": 0,
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
            "new_total": 2,
            "expiring": [],
            "expiring_total": 0,
            "advisories": "mirror.gcr.io/aquasec/trivy-db:2",
            "report_id": report.id,
            "link": None,
        },
    }


def test_an_unknown_image_comes_with_its_reason() -> None:
    """Operators need to know what to mend."""
    report = unknown_report(tag=None)
    event = _event(report, transition=transition_by(report, TransitionKind.BECAME_UNKNOWN))
    assert event["type"] == "dev.pushscan.image.became-unknown"
    assert (event["data"]["verdict"], event["data"]["reason"]) == ("unknown", "corrupt-layer")
    assert event["data"]["image"] == event["data"]["registry"] + "/" + event["subject"]


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


def test_a_secret_is_told_by_its_place() -> None:
    """And what lets it pass, by when that ends."""
    report = judged_report()
    made = transition_by(
        report, TransitionKind.EXEMPTION_EXPIRING, at=NOW - timedelta(days=6, hours=23)
    )
    event = _event(report, transition=made)
    assert event["data"]["summary"] == (
        "An exemption ends soon: contoso.azurecr.io/shop/cart:v7, on 2026-11-22 12:00 UTC"
    )
    assert event["data"]["expiring"] == [
        {
            "exemption": "exemptions.yaml#1",
            "ends": "2026-11-22T12:00:00.000000Z",
            "weakness": "github-pat",
        }
    ]
    assert event["data"]["remedies"] == [
        {
            "kind": "upgrade",
            "target": "jinja2",
            "installed_version": "2.10",
            "wanted_version": "2.10.1",
            "clears": ["CVE-2019-10906"],
            "clears_total": 1,
        }
    ]


def test_the_worst_that_an_image_can_bring_fits() -> None:
    """Every text as long and as wide as can be, every list full: still under 64 KiB."""
    wide = "\U0001f980" * 100_000
    hostile = replace(
        finding(Severity.CRITICAL),
        vulnerability=wide,
        package=wide,
        installed_version=wide,
        fixed_version=wide,
        title=wide,
    )
    remedy = Remedy(
        kind=RemedyKind.UPGRADE,
        target=wide,
        installed_version=wide,
        wanted_version=wide,
        clears=(wide,) * 1000,
    )
    begun = _announcement(judged_report())
    [accepted] = [one for one in judged_report().decisions if one.exemption]
    announcement = replace(
        begun,
        explanation=wide,
        rule=wide,
        advisories=wide,
        other_tags=tuple(f"{'t' * 124}{n}" for n in range(1000)),
        findings=(hostile,) * 5,
        remedies=(remedy,) * 3,
        expiring=(replace(accepted, subject=hostile, exemption=wide),) * 1000,
    )
    body = compose(announcement)
    assert len(body) <= MAX_BODY_BYTES
    assert len(json.loads(body)["data"]["other_tags"]) == MAX_TAGS
