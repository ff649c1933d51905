"""Rules, their order and their conditions: one decision for each finding."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scanner.classify.deciding import decide
from scanner.judging import judged
from scanner.model import (
    Decision,
    Exploits,
    Finding,
    FixStatus,
    ImageFacts,
    Kind,
    OperatingSystem,
    Outcome,
    Rating,
    Report,
    Rule,
    Rulebook,
    Severity,
    Status,
    TableVersion,
    Weakness,
    WeaknessKind,
    What,
    Where,
)
from scanner.publishing import draft
from tests.examples import ADVISORIES, DIGEST, IMAGE, NOW, finding, job, scan_report
from tests.policies import policy, rule

DAY = timedelta(days=1)
SECRET = Weakness(
    kind=WeaknessKind.SECRET, id="github-pat", severity=Severity.CRITICAL, title="", path="app/.env"
)
ROOT = Weakness(kind=WeaknessKind.MISCONFIGURATION, id="root-user", severity=Severity.LOW, title="")
RATED = replace(
    finding(Severity.HIGH),
    ratings=(
        Rating(source="ghsa", severity=Severity.HIGH, score=7.5),
        Rating(source="nvd", severity=Severity.CRITICAL, score=9.8),
        Rating(source="redhat", severity=None, score=None),
    ),
    published_at=NOW - 10 * DAY,
)


def report_on(
    rulebook: Rulebook,
    *findings: Finding,
    weaknesses: tuple[Weakness, ...] = (),
    facts: ImageFacts | None = None,
    tag: str | None = "v7",
    **scan: Any,  # noqa: ANN401 - members of ScanReport
) -> Report:
    """Judge an image in which this was seen."""
    begun = draft(job(), replace(IMAGE, tag=tag), rulebook=rulebook, tag=tag, as_of=NOW, now=NOW)
    seen = scan_report(*findings, weaknesses=weaknesses, **scan)
    return judged(replace(begun, advisories=ADVISORIES, facts=facts), seen, rulebook)


def decision(*rules: Rule, on: Finding = RATED, **around: Any) -> Decision:  # noqa: ANN401 - of Rulebook or the report
    """Return what these rules make of one finding."""
    members = {n: around.pop(n) for n in ("exploits", "exemptions") if n in around}
    policy_members = {n: around.pop(n) for n in ("severity_sources",) if n in around}
    book = Rulebook(policy=policy(*rules, **policy_members), **members)
    [only] = report_on(book, on, **around).decisions
    return only


def test_the_first_rule_that_concerns_a_finding_decides() -> None:
    """Whatever stricter one comes behind it."""
    rules = (
        rule("elsewhere", packages=("openssl",)),
        rule("known", Outcome.WARNS, ids=("CVE-2019-*",)),
        rule("severe", severity=Severity.HIGH),
    )
    assert (decision(*rules).outcome, decision(*rules).rule) == (Outcome.WARNS, "known")
    first, *others = reversed(rules)
    assert decision(first, *others).rule == "severe"


def test_what_no_rule_concerns_informs() -> None:
    """And names none."""
    only = decision(rule(packages=("openssl",)))
    assert (only.outcome, only.rule, only.unknown_inputs) == (Outcome.INFORMS, "", ())


@pytest.mark.parametrize(
    ("condition", "otherwise"),
    [
        ({"kinds": (Kind.VULNERABILITY, Kind.SECRET)}, {"kinds": (Kind.SECRET,)}),
        ({"ids": ("GHSA-*", "CVE-2019-1090?")}, {"ids": ("CVE-2019-*0",)}),
        ({"packages": ("jinja*",)}, {"packages": ("jinja",)}),
        ({"severity": Severity.HIGH}, {"severity": Severity.CRITICAL}),
        ({"fixable": True}, {"fixable": False}),
        ({"fix_status": (FixStatus.FIXED,)}, {"fix_status": (FixStatus.WILL_NOT_FIX,)}),
        ({"package_class": ("lang-pkgs",)}, {"package_class": ("os-pkgs",)}),
        ({"package_types": ("python-pkg",)}, {"package_types": ("jar", "npm")}),
        ({"cvss": 7.5}, {"cvss": 7.6}),
        ({"published_over_days": 10}, {"published_over_days": 11}),
        ({"published_within_days": 11}, {"published_within_days": 10}),
        ({"end_of_life": False}, {"end_of_life": True}),
        ({"image_over_days": 30}, {"image_over_days": 31}),
        ({"epss": 0.4}, {"epss": 0.5}),
        ({"known_exploited": True}, {"known_exploited": False}),
    ],
)
def test_each_condition_holds_or_does_not(
    condition: dict[str, Any], otherwise: dict[str, Any]
) -> None:
    """All of a rule's must hold."""
    around: dict[str, Any] = {
        "exploits": Exploits(
            epss={RATED.vulnerability: 0.4}, known_exploited=frozenset({RATED.vulnerability})
        ),
        "facts": ImageFacts(created_at=NOW - 30 * DAY),
    }
    assert decision(rule(**condition), **around).outcome is Outcome.BLOCKS
    assert decision(rule(**otherwise), **around).outcome is Outcome.INFORMS
    assert decision(rule(**(condition | {"ids": ("no",)})), **around).outcome is Outcome.INFORMS
    both = {"severity": Severity.HIGH} | otherwise
    assert decision(rule(**both), **around).outcome is Outcome.INFORMS


@pytest.mark.parametrize(
    ("sources", "severity", "cvss"),
    [
        ((), Severity.HIGH, 7.5),
        (("nvd", "ghsa"), Severity.CRITICAL, 9.8),
        (("redhat", "ghsa"), Severity.HIGH, 7.5),
        (("debian",), Severity.HIGH, 7.5),
    ],
)
def test_the_first_source_that_rates_it_counts(
    sources: tuple[str, ...], severity: Severity, cvss: float
) -> None:
    """Then the scanner's own choice."""
    on: dict[str, Any] = {"severity_sources": sources}
    assert decision(rule(severity=severity), **on).rule
    assert (severity is Severity.CRITICAL) is bool(
        decision(rule(severity=Severity.CRITICAL), **on).rule
    )
    assert decision(rule(cvss=cvss), **on).rule
    assert not decision(rule(cvss=cvss + 0.1), **on).rule


@pytest.mark.parametrize(
    ("where", "is_there"),
    [
        (Where(registries=("contoso.azurecr.io",)), True),
        (Where(registries=("*.azurecr.io",)), True),
        (Where(registries=("fabrikam.azurecr.io",)), False),
        (Where(repositories=("shop/**",)), True),
        (Where(repositories=("shop/*", "prod/**")), True),
        (Where(repositories=("**/cart",)), True),
        (Where(repositories=("*",)), False),
        (Where(repositories=("shop",)), False),
        (Where(tags=("v*",)), True),
        (Where(tags=("v8",)), False),
        (Where(repositories=("shop/**",), tags=("v8",)), False),
    ],
)
def test_a_rule_is_for_some_images(where: Where, is_there: bool) -> None:
    """One star stays within a part of the path, two go over all of it."""
    only = Rule(name="here", outcome=Outcome.BLOCKS, where=where, what=What())
    assert bool(decision(only).rule) is is_there


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (rule(epss=0.1), "epss"),
        (rule(known_exploited=True), "known-exploited"),
        (rule(known_exploited=False), "known-exploited"),
        (rule(cvss=1), "cvss"),
        (rule(published_over_days=1), "published"),
        (rule(published_within_days=1), "published"),
        (rule(image_over_days=1), "image-age"),
        (Rule(name="t", outcome=Outcome.BLOCKS, where=Where(tags=("*",)), what=What()), "tag"),
    ],
)
def test_what_nobody_knows_is_not_taken_for_no(asked: Rule, name: str) -> None:
    """The rule does not decide, the decision and the verdict say why."""
    bare = finding()
    old = ImageFacts(created_at=datetime(1970, 1, 1, tzinfo=UTC))
    only = decision(asked, on=bare, tag=None, facts=old)
    assert (only.outcome, only.unknown_inputs) == (Outcome.INFORMS, (name,))
    after = decision(asked, rule("last"), on=bare, tag=None)
    assert (after.rule, after.unknown_inputs) == ("last", (name,))
    # Where another condition fails, it does not matter what is not known.
    aside = replace(asked, what=replace(asked.what, ids=("other",)))
    assert decision(aside, on=bare, tag=None).unknown_inputs == ()
    book = Rulebook(policy=policy(asked))
    verdict = report_on(book, bare, tag=None, facts=old).verdict
    assert verdict.status is Status.HEALTHY
    assert "Rules asked in vain for" in verdict.explanation


def test_a_table_that_is_too_old_tells_nothing() -> None:
    """Thirty days are the default."""

    def outcome(age: timedelta) -> Outcome:
        versions = tuple(
            TableVersion(name=name, digest=DIGEST, published_at=NOW - age)
            for name in ("epss", "known-exploited")
        )
        known = frozenset({RATED.vulnerability})
        exploits = Exploits(
            epss={RATED.vulnerability: 1.0}, known_exploited=known, versions=versions
        )
        outcomes = {
            decision(asked, exploits=exploits).outcome
            for asked in (rule(epss=0.1), rule(known_exploited=True))
        }
        [both] = outcomes
        return both

    assert outcome(29 * DAY) is Outcome.BLOCKS
    assert outcome(30 * DAY) is Outcome.INFORMS


def test_a_vulnerability_without_a_score_in_the_table_is_not_known() -> None:
    """EPSS scores all that are published; KEV lists only what is exploited."""
    exploits = Exploits(epss={"CVE-1": 1.0}, known_exploited=frozenset({"CVE-1"}))
    assert decision(rule(epss=0.1), exploits=exploits).unknown_inputs == ("epss",)
    assert decision(rule(known_exploited=True), exploits=exploits).unknown_inputs == ()


def test_grace_runs_from_the_publication() -> None:
    """Until its end the rule warns, and the decision says when that is."""
    graceful = replace(rule(kinds=(Kind.VULNERABILITY,)), grace_days=14)
    fresh = decision(graceful, on=replace(RATED, published_at=NOW - 14 * DAY + DAY))
    assert (fresh.outcome, fresh.rule, fresh.due) == (Outcome.WARNS, "severe", NOW + DAY)
    old = decision(graceful, on=replace(RATED, published_at=NOW - 14 * DAY))
    assert (old.outcome, old.due) == (Outcome.BLOCKS, None)
    undated = decision(graceful, on=finding())
    assert (undated.outcome, undated.unknown_inputs) == (Outcome.BLOCKS, ("published",))


def test_secrets_and_settings_are_decided_on_too() -> None:
    """Rules that ask for a package never concern them."""
    book = Rulebook(
        policy=policy(
            rule("packages", packages=("**",)),
            rule("secrets", kinds=(Kind.SECRET,)),
            rule("root", Outcome.WARNS, ids=("root-user",)),
        )
    )
    facts = ImageFacts(weaknesses=(ROOT,))
    report = report_on(book, finding(), weaknesses=(SECRET,), facts=facts)
    assert [(one.subject, one.rule) for one in report.decisions] == [
        (finding(), "packages"),
        (SECRET, "secrets"),
        (ROOT, "root"),
    ]
    assert report.verdict.status is Status.UNHEALTHY
    assert report.verdict.explanation == (
        "2 findings block, the worst is secret github-pat in app/.env (CRITICAL), by rule secrets."
    )
    assert report.decisions == decide(report, book)


def test_a_secret_is_there_whatever_the_advisories_say() -> None:
    """Stale ones prove nothing of packages."""
    book = Rulebook(policy=policy(rule()))
    stale = replace(ADVISORIES, updated_at=NOW - 9 * DAY)
    seen = scan_report(finding(), weaknesses=(SECRET,))
    begun = replace(report_on(book), advisories=stale)
    verdict = judged(begun, seen, book).verdict
    assert (verdict.status, verdict.violations) == (Status.UNHEALTHY, ())
    assert verdict.explanation.startswith("Secret github-pat in app/.env")
    assert judged(begun, scan_report(finding()), book).verdict.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("outcome", "status", "named"),
    [
        (Outcome.BLOCKS, Status.UNHEALTHY, "ended"),
        (Outcome.WARNS, Status.HEALTHY, "nothing-blocks"),
        (None, Status.UNKNOWN, "examined-everything"),
    ],
)
def test_a_policy_may_say_what_the_end_of_life_means(
    outcome: Outcome | None, status: Status, named: str
) -> None:
    """Without a word of it nobody knows how healthy the image is."""
    rules = [rule("ended", outcome, kinds=(Kind.END_OF_LIFE,))] if outcome else []
    book = Rulebook(policy=policy(*rules, rule("never", ids=("no",))))
    system = OperatingSystem(family="debian", name="12", is_end_of_life=True)
    verdict = report_on(book, operating_system=system).verdict
    assert (verdict.status, verdict.rule) == (status, named)
    assert "debian 12 is past its end of life" in verdict.explanation
