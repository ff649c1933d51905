"""The verdict on one image. Nothing is healthy by default: each step has to be passed."""

from scanner.classify.concerns import concerns_image
from scanner.classify.coverage import NO_DATABASE, advisory_gap, coverage_gap
from scanner.classify.deciding import decide
from scanner.classify.order import worst_first, worst_weaknesses_first
from scanner.classify.subjects import Surroundings, id_of, severity_of
from scanner.classify.words import blocking, nothing_blocks, past_end_of_life
from scanner.model import (
    Decision,
    Finding,
    NotApplicable,
    Outcome,
    Report,
    Rule,
    Rulebook,
    ScanReport,
    Status,
    Unexaminable,
    Verdict,
    Weakness,
)


def judge(
    report: Report, seen: ScanReport | Unexaminable | NotApplicable, rulebook: Rulebook
) -> tuple[Verdict, tuple[Decision, ...]]:
    """Judge what was seen in one image, as of the report's time.

    The steps in order: the manifest is an image; the examination came to its end; no secret or
    misconfiguration blocks; the advisories are fresh; no vulnerability blocks; everything in the
    image could be examined. A violation is a fact, so it outweighs a gap in coverage; stale
    advisories state no facts.

    Args:
        report: Has all that is known of the image but verdict and decisions.
        seen: What came of the examination.
        rulebook: What decides.

    Returns:
        The verdict, and a decision for each of the report's subjects in their order.
    """
    match seen:
        case NotApplicable():
            verdict = Verdict(
                status=Status.NOT_APPLICABLE,
                reason=seen.reason,
                rule="is-an-image",
                explanation=f"No image, but of kind {seen.reason}"
                + (f" ({seen.detail})." if seen.detail else "."),
            )
            return verdict, ()
        case Unexaminable():
            return _unknown(seen, rule="examination-complete"), decide(report, rulebook)
        case ScanReport():
            decisions = decide(report, rulebook)
            return _judge(report, seen, decisions, rulebook), decisions


def _judge(
    report: Report, scan: ScanReport, decisions: tuple[Decision, ...], rulebook: Rulebook
) -> Verdict:
    policy, advisories = rulebook.policy, report.advisories
    blocked = [one for one in decisions if one.outcome is Outcome.BLOCKS]
    gap = advisory_gap(advisories, policy, report.as_of) if advisories else NO_DATABASE
    if gap or advisories is None:
        # What lies in the layers does so whatever the advisories say.
        weaknesses = [one for one in blocked if isinstance(one.subject, Weakness)]
        if weaknesses:
            return _unhealthy(weaknesses, rulebook)
        return _unknown(gap or NO_DATABASE, rule="advisories-fresh")
    if blocked:
        return _unhealthy(blocked, rulebook)
    image = Surroundings.of(report)
    ended = _end_of_life_rule(rulebook, image) if image.is_end_of_life else None
    if ended is not None and ended.outcome is Outcome.BLOCKS:
        return Verdict(
            status=Status.UNHEALTHY, rule=ended.name, explanation=past_end_of_life(scan, ended)
        )
    if gap := coverage_gap(scan, advisories, is_end_judged=ended is not None):
        return _unknown(gap, rule="examined-everything")
    return Verdict(
        status=Status.HEALTHY,
        rule="nothing-blocks",
        explanation=nothing_blocks(scan, decisions, ended),
    )


def _end_of_life_rule(rulebook: Rulebook, image: Surroundings) -> Rule | None:
    return next((r for r in rulebook.policy.rules if concerns_image(r, image)), None)


def _unhealthy(blocked: list[Decision], rulebook: Rulebook) -> Verdict:
    subjects = [one.subject for one in blocked]
    worst = _worst(blocked, rulebook)
    return Verdict(
        status=Status.UNHEALTHY,
        rule=worst.rule,
        explanation=blocking(worst, len(blocked), rulebook),
        violations=worst_first(s for s in subjects if isinstance(s, Finding)),
        weaknesses=worst_weaknesses_first(s for s in subjects if isinstance(s, Weakness)),
    )


def _worst(blocked: list[Decision], rulebook: Rulebook) -> Decision:
    sources = rulebook.policy.severity_sources
    return min(blocked, key=lambda one: (-severity_of(one.subject, sources), id_of(one.subject)))


def _unknown(gap: Unexaminable, *, rule: str) -> Verdict:
    return Verdict(status=Status.UNKNOWN, reason=gap.reason, rule=rule, explanation=gap.detail)
