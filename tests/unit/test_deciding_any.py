"""Any rules on any findings with any exemptions: what always holds."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scanner.judging import judged
from scanner.model import Exemption, Finding, Outcome, Report, Rulebook, Severity, Status
from scanner.policy.kept import exemptions_of
from scanner.publishing import draft
from tests.examples import ADVISORIES, IMAGE, NOW, finding, job, scan_report
from tests.policies import policy, rule

DAY = timedelta(days=1)


def report_on(rulebook: Rulebook, *findings: Finding) -> Report:
    """Judge an image with these findings."""
    begun = draft(job(), IMAGE, rulebook=rulebook, tag=None, as_of=NOW, now=NOW)
    return judged(replace(begun, advisories=ADVISORIES), scan_report(*findings), rulebook)


def exemption(number: int, days: int) -> Exemption:
    """Return an exemption of one vulnerability."""
    return Exemption(
        id=f"e{number}-{days}",
        ids=(f"CVE-2026-{number}",),
        packages=(),
        images=("**",),
        owner="jane",
        reason="why not",
        expires_at=NOW + days * DAY,
    )


_FINDINGS = st.lists(
    st.builds(
        lambda n, severity, fix: replace(
            finding(severity, fixed_version=fix), vulnerability=f"CVE-2026-{n}"
        ),
        st.integers(0, 5),
        st.sampled_from(Severity),
        st.sampled_from(["", "2.0"]),
    ),
    max_size=6,
)
_EXEMPTIONS = st.lists(
    st.builds(
        exemption,
        st.integers(0, 5),
        st.integers(-3, 30),
    ),
    max_size=4,
)
_RULES = st.lists(
    st.builds(
        lambda outcome, severity, fixable: rule(
            f"r{outcome}{severity}{fixable}", outcome, severity=severity, fixable=fixable
        ),
        st.sampled_from([Outcome.BLOCKS, Outcome.WARNS, Outcome.INFORMS]),
        st.sampled_from([None, *list(Severity)[1:]]),
        st.sampled_from([None, True, False]),
    ),
    min_size=1,
    max_size=4,
)


@given(_RULES, _FINDINGS, _EXEMPTIONS)
def test_an_exemption_never_makes_a_healthy_image_unhealthy(
    rules: list[Any], findings: list[Finding], exemptions: list[Exemption]
) -> None:
    """Each subject has one decision, by the first rule that fits; more exemptions block less."""
    rulebook = Rulebook(policy=policy(*rules))
    plain = report_on(rulebook, *findings)
    assert tuple(one.subject for one in plain.decisions) == plain.subjects
    for one in plain.decisions:
        fitting = [
            r.name
            for r in rules
            if (r.what.severity is None or one.subject.severity >= r.what.severity)
            and r.what.fixable in {None, bool(getattr(one.subject, "fixed_version", ""))}
        ]
        assert one.rule == (fitting[0] if fitting else "")
    blocked = {n for n, one in enumerate(plain.decisions) if one.outcome is Outcome.BLOCKS}
    assert (plain.verdict.status is Status.UNHEALTHY) is bool(blocked)
    for count in range(len(exemptions) + 1):
        exempt = report_on(
            replace(rulebook, exemptions=exemptions_of(tuple(exemptions[:count]), ())), *findings
        )
        now = {n for n, one in enumerate(exempt.decisions) if one.outcome is Outcome.BLOCKS}
        assert now <= blocked
        blocked = now
        if plain.verdict.status is Status.HEALTHY:
            assert exempt.verdict.status is Status.HEALTHY
