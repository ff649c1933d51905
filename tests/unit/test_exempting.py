"""What lets a finding pass, for how long, and what follows when time goes by."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.classify.expiring import expiring
from scanner.errors import PolicyError
from scanner.judging import judged
from scanner.model import (
    Decision,
    Exemption,
    Exemptions,
    Finding,
    ImageFacts,
    Kind,
    Outcome,
    Report,
    Rulebook,
    Severity,
    Status,
    VexStatement,
)
from scanner.policy.kept import decode, encode, exemptions_of
from scanner.policy.openvex import read_openvex
from scanner.publishing import draft
from tests.examples import ADVISORIES, DIGEST, IMAGE, NOW, finding, job, scan_report
from tests.policies import STRICT, policy, rule

DAY = timedelta(days=1)
EXEMPTION = Exemption(
    id="x",
    ids=("CVE-2019-10906",),
    packages=(),
    images=("contoso.azurecr.io/shop/**",),
    owner="jane",
    reason="why not",
    expires_at=NOW + 5 * DAY,
)
CART = "contoso.azurecr.io/shop/cart"
SYSTEM = replace(
    finding(),
    package="openssl",
    package_class="os-pkgs",
    package_type="debian",
    installed_version="3.0.1-1",
)


def vex(
    *products: str, subcomponents: tuple[str, ...] = (), status: str = "not_affected"
) -> VexStatement:
    """Return a statement on the finding of the examples."""
    return VexStatement(
        id="vex/a.json#1",
        vulnerabilities=("GHSA-1", "CVE-2019-10906"),
        products=products,
        subcomponents=subcomponents,
        status=status,
        justification="component_not_present",
    )


def book(*known: Exemption | VexStatement, rulebook: Rulebook = STRICT) -> Rulebook:
    """Return a strict rulebook with these exemptions and statements."""
    return replace(
        rulebook,
        exemptions=exemptions_of(
            tuple(one for one in known if isinstance(one, Exemption)),
            tuple(one for one in known if isinstance(one, VexStatement)),
        ),
    )


def report_on(rulebook: Rulebook, *findings: Finding, **changes: Any) -> Report:  # noqa: ANN401 - of Report
    """Judge an image with these findings."""
    begun = draft(job(), IMAGE, rulebook=rulebook, tag="v7", as_of=NOW, now=NOW)
    return judged(
        replace(begun, **({"advisories": ADVISORIES} | changes)), scan_report(*findings), rulebook
    )


def decision(*known: Exemption | VexStatement, on: Finding | None = None) -> Decision:
    """Return what becomes of one finding."""
    [only] = report_on(book(*known), on or finding()).decisions
    return only


def test_an_exemption_lets_a_finding_pass_until_it_ends() -> None:
    """The rule that would have decided is still named, and every use is visible."""
    only = decision(EXEMPTION)
    assert (only.outcome, only.rule, only.exemption) == (Outcome.ACCEPTED, "severe", "x")
    assert only.due == EXEMPTION.expires_at
    report = report_on(book(EXEMPTION), finding())
    assert report.verdict.status is Status.HEALTHY
    assert "1 is accepted" in report.verdict.explanation
    assert report.turns_at == EXEMPTION.expires_at
    assert report.policy.exemptions is not None
    late = report_on(
        book(EXEMPTION),
        finding(),
        as_of=EXEMPTION.expires_at,
        advisories=replace(ADVISORIES, updated_at=EXEMPTION.expires_at),
    )
    assert (late.verdict.status, late.turns_at) == (Status.UNHEALTHY, None)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"ids": ("CVE-2019-*",)}, True),
        ({"ids": ("CVE-2019-1",)}, False),
        ({"packages": ("jinja*",)}, True),
        ({"packages": ("openssl",)}, False),
        ({"images": ("contoso.azurecr.io/**",)}, True),
        ({"images": ("contoso.azurecr.io/*",)}, False),
        ({"images": ("**",)}, True),
        ({"expires_at": NOW}, False),
    ],
)
def test_an_exemption_is_for_some_findings(change: dict[str, Any], fits: bool) -> None:
    """All of ids, packages and images must fit, and its day must not be over."""
    assert (decision(replace(EXEMPTION, **change)).outcome is Outcome.ACCEPTED) is fits


def test_the_one_that_lasts_longest_is_used() -> None:
    """So that another's end changes nothing."""
    longer = replace(EXEMPTION, id="y", expires_at=NOW + 9 * DAY)
    assert decision(longer, EXEMPTION).exemption == "y"


def test_what_only_informs_needs_no_exemption() -> None:
    """It would be told as accepted otherwise."""
    assert decision(EXEMPTION, on=finding(Severity.LOW)).outcome is Outcome.INFORMS


@pytest.mark.parametrize(
    ("statement", "on", "fits"),
    [
        (vex("pkg:pypi/jinja2"), finding(), True),
        (vex("pkg:pypi/jinja2@2.10"), finding(), True),
        (vex("pkg:pypi/Jinja2@2.10"), finding(), True),
        (vex("pkg:pypi/jinja2@2.11"), finding(), False),
        (vex("pkg:npm/jinja2"), finding(), False),
        (vex("pkg:pypi/other", "pkg:pypi/jinja2"), finding(), True),
        (vex("pkg:pypi/jinja2", status="fixed"), finding(), True),
        (vex("pkg:pypi/jinja2", status="affected"), finding(), False),
        (vex("pkg:deb/debian/openssl@3.0.1-1"), SYSTEM, True),
        (vex("pkg:rpm/redhat/openssl"), SYSTEM, False),
        (vex(f"pkg:oci/cart?repository_url={CART}"), finding(), True),
        (vex("pkg:oci/cart?repository_url=contoso.azurecr.io/shop"), finding(), True),
        (vex(f"pkg:oci/cart?repository_url={CART}&tag=v7"), finding(), True),
        (vex(f"pkg:oci/cart?repository_url={CART}&tag=v8"), finding(), False),
        (vex(f"pkg:oci/cart@{DIGEST}?repository_url={CART}"), finding(), True),
        (vex(f"pkg:oci/cart@{DIGEST}"), finding(), True),
        (vex(f"pkg:oci/cart@sha256:{'0' * 64}?repository_url={CART}"), finding(), False),
        (vex("pkg:oci/cart"), finding(), False),
        (vex("pkg:oci/cart?repository_url=fabrikam.azurecr.io/shop/cart"), finding(), False),
        (
            vex(f"pkg:oci/cart?repository_url={CART}", subcomponents=("pkg:pypi/jinja2",)),
            finding(),
            True,
        ),
        (
            vex(f"pkg:oci/cart?repository_url={CART}", subcomponents=("pkg:pypi/other",)),
            finding(),
            False,
        ),
        (
            vex("pkg:maven/org.apache.logging/log4j"),
            replace(finding(), package="org.apache.logging:log4j", package_type="jar"),
            True,
        ),
        (
            vex("pkg:golang/golang.org/x/net"),
            replace(finding(), package="golang.org/x/net", package_type="gobinary"),
            True,
        ),
    ],
)
def test_a_statement_is_about_products(statement: VexStatement, on: Finding, fits: bool) -> None:
    """An image, what is in it, or a package wherever it is."""
    only = decision(statement, on=on)
    assert (only.outcome is Outcome.ACCEPTED) is fits
    assert only.exemption == ("vex/a.json#1" if fits else "")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"@context": "https://openvex.dev/ns"}, "@context does not begin with"),
        ({"statements": []}, "is not OpenVEX 0.2"),
        ({"author": ""}, "is not OpenVEX 0.2"),
        ({"products": []}, "names no product"),
        ({"justification": "because"}, "has a justification that OpenVEX does not know"),
        ({"justification": ""}, "without a justification"),
        ({"products": [{"@id": "https://contoso.example"}]}, "without a package URL"),
        ({"status": "fine"}, "is not OpenVEX 0.2"),
    ],
)
def test_what_is_no_openvex_is_refused(change: dict[str, Any], fault: str) -> None:
    """With the statement at fault."""
    statement: dict[str, Any] = {
        "vulnerability": {"name": "CVE-1"},
        "status": "not_affected",
        "justification": "component_not_present",
        "products": [{"@id": "https://contoso.example", "identifiers": {"purl": "pkg:npm/a"}}],
    }
    document: dict[str, Any] = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://contoso.example/vex",
        "author": "Contoso",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": [statement],
    }
    [good] = read_openvex("a.json", json.dumps(document).encode())
    assert good.products == ("pkg:npm/a",)
    for name, value in change.items():
        (document if name in document else statement)[name] = value
    with pytest.raises(PolicyError, match=fault):
        read_openvex("a.json", json.dumps(document).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_openvex_or_a_policy_error(untrusted_document: bytes) -> None:
    """And nothing else is ever raised."""
    with pytest.raises(PolicyError):
        read_openvex("a.json", untrusted_document)


def test_what_is_kept_is_read_back() -> None:
    """To the digest."""
    both = exemptions_of((EXEMPTION,), (vex("pkg:pypi/jinja2"),))
    assert decode(encode(both)) == both
    assert exemptions_of((), ()) == Exemptions()


def test_it_is_told_before_an_exemption_ends() -> None:
    """Seven days ahead; what has ended, and what only has a grace, is left out."""
    report = report_on(book(EXEMPTION), finding())
    assert expiring(report, NOW) == report.decisions
    assert expiring(report, NOW, days=4) == ()
    assert expiring(report, EXEMPTION.expires_at) == ()
    graceful = replace(rule(kinds=(Kind.VULNERABILITY,)), grace_days=14)
    dated = replace(finding(), published_at=NOW - 12 * DAY)
    warned = report_on(Rulebook(policy=policy(graceful)), dated)
    assert warned.turns_at == NOW + 2 * DAY
    assert expiring(warned, NOW) == ()


def test_thresholds_in_time_are_turning_points() -> None:
    """The next one, whichever rule it is of; none that has gone by."""
    aged = Rulebook(policy=policy(rule(image_over_days=30), rule("p", published_over_days=3)))
    facts = ImageFacts(created_at=NOW - 10 * DAY)
    dated = replace(finding(), published_at=NOW - 2 * DAY)
    assert report_on(aged, dated, facts=facts).turns_at == NOW + DAY
    assert report_on(aged, finding(), facts=facts).turns_at == NOW + 20 * DAY
    assert report_on(STRICT, dated, facts=facts).turns_at is None
