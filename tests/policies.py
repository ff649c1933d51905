"""Policies that tests judge by."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from scanner.judging import judged
from scanner.model import (
    Advisories,
    AppliedPolicy,
    Digest,
    Kind,
    NotApplicable,
    Outcome,
    Policy,
    Rule,
    Rulebook,
    ScanReport,
    Severity,
    Unexaminable,
    Verdict,
    What,
)
from scanner.policy import default_policy
from scanner.policy.policy_file import with_digest
from scanner.publishing import draft
from tests.examples import IMAGE, job


def rule(name: str = "severe", outcome: Outcome = Outcome.BLOCKS, **what: Any) -> Rule:  # noqa: ANN401 - members of What
    """Return a rule on findings like these, in any image."""
    return Rule(name=name, outcome=outcome, what=What(**what))


def policy(*rules: Rule, **members: Any) -> Policy:  # noqa: ANN401 - members of Policy
    """Return a policy of these rules, with the digest that belongs to it."""
    begun = Policy(name="example", digest=Digest("sha256:" + "0" * 64), rules=rules, **members)
    return with_digest(begun)


def strict(severity: Severity = Severity.HIGH, **members: Any) -> Rulebook:  # noqa: ANN401 - likewise
    """Return a rulebook by which every vulnerability of this severity or above blocks."""
    one = rule("severe", kinds=(Kind.VULNERABILITY,), severity=severity)
    return Rulebook(policy=policy(one, **members))


STRICT = strict()
APPLIED = STRICT.applied(tag=None)
MILD = strict(Severity.CRITICAL).applied(tag=None)


def find(applied: AppliedPolicy) -> Rulebook:
    """Return the rulebook that a report names: one of `strict`, or the default."""
    return next(
        book for book in (*map(strict, Severity), default()) if book.policy.digest == applied.digest
    )


def default() -> Rulebook:
    """Return what decides where nobody has written a policy."""
    return Rulebook(policy=default_policy())


def verdict_on(
    seen: ScanReport | Unexaminable | NotApplicable,
    rulebook: Rulebook,
    advisories: Advisories | None,
    *,
    as_of: datetime,
) -> Verdict:
    """Judge what was seen in an image without a tag."""
    begun = draft(job(), IMAGE, rulebook=rulebook, tag=None, as_of=as_of, now=as_of)
    return judged(replace(begun, advisories=advisories), seen, rulebook).verdict


def unasked(applied: AppliedPolicy) -> frozenset[int] | None:
    """Stand in where the policy has not changed, so that nobody asks for changes."""
    raise AssertionError(applied)
