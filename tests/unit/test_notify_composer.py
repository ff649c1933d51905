from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.errors import InvalidMessageError
from scanner.model import (
    Decision,
    Digest,
    Exemption,
    Exemptions,
    Finding,
    Outcome,
    Remedy,
    RemedyKind,
    Report,
    Severity,
    Transition,
    TransitionKind,
)
from scanner.notify.announcement import Announcement
from scanner.notify.composer import TOP_FINDINGS, Composer
from scanner.notify.report_link import ReportLink
from scanner.policy import kept
from tests.examples import NOW, finding
from tests.fakes import InMemoryPolicyArchive, InMemoryReportStore
from tests.reports import (
    AMD64,
    ARM64,
    healthy_report,
    index_report,
    judged_report,
    transition_by,
    unhealthy_report,
)


def _compose(transition: Transition, *stored: Report) -> Announcement:
    store = InMemoryReportStore()
    for report in stored:
        store.save(report)
    return Composer(store=store).compose(transition, notice_id="ab" * 32)


def _with(*findings: Finding, **changes: object) -> Report:
    begun = unhealthy_report()
    verdict = replace(begun.verdict, violations=findings)
    return replace(begun, verdict=verdict, **changes)  # type: ignore[arg-type]


def _named(number: int, severity: Severity, fixed_version: str = "2") -> Finding:
    return replace(finding(severity, fixed_version=fixed_version), vulnerability=f"CVE-{number}")


def test_only_the_worst_findings_are_told_and_fixable_ones_first() -> None:
    """The rest is in the report."""
    found = [
        _named(0, Severity.HIGH, ""),
        _named(1, Severity.CRITICAL, ""),
        _named(2, Severity.HIGH),
        *(_named(number, Severity.MEDIUM) for number in range(3, 8)),
    ]
    report = _with(*found)
    told = _compose(transition_by(report), report)
    names = [one.vulnerability for one in told.findings if isinstance(one, Finding)]
    assert names == ["CVE-1", "CVE-2", "CVE-0", "CVE-3", "CVE-4"]
    assert (len(names), told.findings_total) == (TOP_FINDINGS, 8)
    assert (told.severity, told.new_total) == (Severity.CRITICAL, 8)


def test_what_is_new_comes_first_where_an_image_got_worse() -> None:
    """The rest was told before."""
    before = _with(_named(1, Severity.CRITICAL))
    now = _with(_named(1, Severity.CRITICAL), _named(2, Severity.HIGH), id="2" * 64)
    made = transition_by(
        now, TransitionKind.WORSE, report_before=before.id, since=NOW - timedelta(days=2)
    )
    told = _compose(made, before, now)
    assert [one.severity for one in told.findings] == [Severity.HIGH, Severity.CRITICAL]
    assert (told.new_total, told.verdict_before) == (1, "unhealthy")
    assert told.since == NOW - timedelta(days=2)


def test_all_tags_of_the_image_are_named_that_it_has_when_it_is_told() -> None:
    """One message for all of them."""
    report = unhealthy_report()
    others = [
        replace(
            report,
            image=replace(report.image, tag=tag),
            requested_at=NOW + timedelta(seconds=second),
        )
        for second, tag in enumerate(["latest", "v7.1", "v7.1.2", "v7.1.2-amd64"])
    ]
    told = _compose(transition_by(report), report, *others)
    assert told.tag == "v7"
    assert told.other_tags == ("v7.1.2-amd64", "v7.1.2", "v7.1", "latest")


def test_an_image_that_was_pushed_by_digest_is_told_by_the_tag_that_came_since() -> None:
    """People know it by that."""
    report = unhealthy_report(tag=None)
    told = _compose(transition_by(report), report, replace(report, image=unhealthy_report().image))
    assert (told.tag, told.other_tags) == ("v7", ())


def test_what_is_resolved_says_since_when_it_was_unhealthy() -> None:
    """And what it was."""
    lasted = timedelta(days=12, hours=5)
    before, now = unhealthy_report(), healthy_report(as_of=NOW + lasted)
    made = transition_by(
        now,
        TransitionKind.RESOLVED,
        report_before=before.id,
        before=before.image.digest,
        at=NOW + lasted,
        since=NOW,
    )
    told = _compose(made, before, now)
    assert (told.verdict, told.verdict_before, told.findings) == ("healthy", "unhealthy", ())
    assert (told.since, told.at) == (NOW, NOW + lasted)


def test_an_index_has_the_remedies_of_its_platforms_each_once() -> None:
    """Most of them share most."""
    amd64 = judged_report()
    own = Remedy(kind=RemedyKind.REMOVE, target="x", clears=("CVE-1", "CVE-2"))
    arm64 = replace(judged_report(), id="4" * 64, remedies=(*amd64.remedies, own))
    index = index_report((AMD64, amd64), (ARM64, arm64), digest=Digest("sha256:" + "1d" * 32))
    told = _compose(transition_by(index), amd64, arm64, index)
    assert [remedy.kind for remedy in told.remedies] == [RemedyKind.REMOVE, RemedyKind.UPGRADE]
    assert told.remedies_total == 2


def test_a_report_that_is_gone_is_named() -> None:
    """Nothing can be said of it then."""
    with pytest.raises(InvalidMessageError, match="report_id"):
        _compose(transition_by(unhealthy_report()))


def _expiring_report(exemptions: Exemptions) -> Report:
    """Return a report whose one finding an exemption lets pass until tomorrow."""
    begun = healthy_report()
    found = finding(Severity.HIGH)
    decision = Decision(
        subject=found,
        outcome=Outcome.ACCEPTED,
        rule="r",
        exemption="until-rewrite",
        due=NOW + timedelta(days=1),
    )
    policy = replace(begun.policy, exemptions=exemptions.digest)
    return replace(begun, decisions=(decision,), policy=policy)


EXEMPTIONS = kept.exemptions_of(
    (
        Exemption(
            id="until-rewrite",
            ids=("CVE-*",),
            packages=(),
            images=("**",),
            owner="Team Cart",
            reason="never reached",
            expires_at=NOW + timedelta(days=1),
        ),
    ),
    (),
)


def test_an_exemption_that_ends_says_whose_it_is_and_why() -> None:
    """By the exemptions that the report was judged by; whoever may have changed them since."""
    report = _expiring_report(EXEMPTIONS)
    store, archive = InMemoryReportStore(), InMemoryPolicyArchive()
    store.save(report)
    made = transition_by(report, TransitionKind.EXEMPTION_EXPIRING)
    composer = Composer(store=store, policies=archive)
    [gone] = composer.compose(made, notice_id="1").expiring
    assert (gone.exemption, gone.owner, gone.reason) == ("until-rewrite", "", "")
    assert EXEMPTIONS.digest is not None
    archive.keep(EXEMPTIONS.digest, kept.encode(EXEMPTIONS))
    [told] = composer.compose(made, notice_id="1").expiring
    assert (told.owner, told.reason) == ("Team Cart", "never reached")
    assert told.ends == NOW + timedelta(days=1)


def test_a_message_says_where_to_read_on_if_there_is_such_a_place() -> None:
    """The report is named in it."""
    report = unhealthy_report()
    store = InMemoryReportStore()
    store.save(report)
    composer = Composer(store=store, link=ReportLink.parse("https://p.contoso.com/{report_id}"))
    link = composer.compose(transition_by(report), notice_id="1").link
    assert link == f"https://p.contoso.com/{report.id}"
    assert _compose(transition_by(report), report).link == ""
