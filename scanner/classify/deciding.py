"""A decision for each finding: the first rule that concerns it, then what lets it pass."""

from dataclasses import replace
from datetime import datetime

from scanner.classify.concerns import unknowns
from scanner.classify.exempting import exemption_for
from scanner.classify.subjects import Surroundings, after
from scanner.model import (
    Decision,
    Exemption,
    Finding,
    Outcome,
    Report,
    Rule,
    Rulebook,
    Subject,
)

_CAN_BE_EXEMPT = frozenset({Outcome.BLOCKS, Outcome.WARNS})


def decide(report: Report, rulebook: Rulebook) -> tuple[Decision, ...]:
    """Decide on each of a report's subjects, in their order."""
    image = Surroundings.of(report)
    return tuple(_exempted(_decided(s, image, rulebook), image, rulebook) for s in report.subjects)


def turns_at(report: Report, rulebook: Rulebook) -> datetime | None:
    """Return the next moment at which time alone may change one of a report's decisions.

    It may come to nothing: any threshold of a rule counts, whether or not the rule decides.
    """
    image = Surroundings.of(report)
    policy = rulebook.policy
    published = {s.published_at for s in report.subjects if isinstance(s, Finding)}
    ends = {decision.due for decision in report.decisions if decision.due}
    ends |= {
        after(table.published_at, policy.max_exploit_age_days)
        for table in rulebook.exploits.versions
        if policy.asks_for_table(table.name)
    }
    for rule in policy.rules:
        days = (rule.what.published_over_days, rule.what.published_within_days, rule.grace_days)
        for since, threshold in (
            *((moment, n) for moment in published for n in days),
            (image.built_at, rule.what.image_over_days),
        ):
            if since is not None and threshold is not None:
                ends.add(after(since, threshold))
    return min((moment for moment in ends if moment > report.as_of), default=None)


def _decided(subject: Subject, image: Surroundings, rulebook: Rulebook) -> Decision:
    missing: dict[str, None] = {}
    for rule in rulebook.policy.rules:
        unknown = unknowns(rule, subject, image, rulebook)
        if unknown == ():
            return _by_rule(rule, subject, image, tuple(missing))
        missing |= dict.fromkeys(unknown or ())
    return Decision(
        subject=subject, outcome=Outcome.INFORMS, rule="", unknown_inputs=tuple(missing)
    )


def _by_rule(
    rule: Rule, subject: Subject, image: Surroundings, missing: tuple[str, ...]
) -> Decision:
    decision = Decision(
        subject=subject, outcome=rule.outcome, rule=rule.name, unknown_inputs=missing
    )
    if rule.grace_days is None or not isinstance(subject, Finding):
        return decision
    if subject.published_at is None:
        # Nobody knows when the grace began, so there is none.
        return replace(decision, unknown_inputs=tuple(dict.fromkeys((*missing, "published"))))
    ends_at = after(subject.published_at, rule.grace_days)
    if image.as_of < ends_at:
        return replace(decision, outcome=Outcome.WARNS, due=ends_at)
    return decision


def _exempted(decision: Decision, image: Surroundings, rulebook: Rulebook) -> Decision:
    if decision.outcome not in _CAN_BE_EXEMPT:
        return decision
    exemption = exemption_for(decision.subject, image, rulebook)
    if exemption is None:
        return decision
    return replace(
        decision,
        outcome=Outcome.ACCEPTED,
        exemption=exemption.id,
        due=exemption.expires_at if isinstance(exemption, Exemption) else None,
    )
