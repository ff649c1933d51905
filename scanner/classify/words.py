"""Why a verdict is what it is, in a sentence that a developer understands."""

from collections.abc import Iterable
from typing import Final

from scanner.classify.subjects import severity_of
from scanner.model import Decision, Finding, Outcome, Rule, Rulebook, ScanReport, Subject

_NAME_CHARACTERS: Final = 80
_INPUTS: Final = {
    "cvss": "a CVSS score",
    "epss": "how likely an exploit is (EPSS)",
    "known-exploited": "what is known to be exploited (KEV)",
    "published": "when a vulnerability was published",
    "image-age": "when the image was built",
    "tag": "the image's tag",
}


def blocking(worst: Decision, count: int, rulebook: Rulebook) -> str:
    """Say what blocks, and by which rule."""
    severity = severity_of(worst.subject, rulebook.policy.severity_sources).name
    named = _named(worst.subject, severity)
    if count == 1:
        return f"{named[0].upper()}{named[1:]} blocks by rule {worst.rule}."
    return f"{count} findings block, the worst is {named}, by rule {worst.rule}."


def nothing_blocks(scan: ScanReport, decisions: Iterable[Decision], ended: Rule | None) -> str:
    """Say how much was examined, and what is let pass."""
    decisions = tuple(decisions)
    warned, accepted = (
        sum(one.outcome is outcome for one in decisions)
        for outcome in (Outcome.WARNS, Outcome.ACCEPTED)
    )
    aside = [
        *([f"{warned} {'warns' if warned == 1 else 'warn'}"] if warned else []),
        *([f"{accepted} {'is' if accepted == 1 else 'are'} accepted"] if accepted else []),
    ]
    packages = f"{scan.package_count} package{'' if scan.package_count == 1 else 's'}"
    sentence = f"{packages} examined, no finding blocks{''.join(f', {text}' for text in aside)}."
    if ended is not None:
        sentence += f" {past_end_of_life(scan, ended)}"
    return sentence + _unknown_inputs(decisions)


def past_end_of_life(scan: ScanReport, rule: Rule) -> str:
    """Say that the distribution has ended, and which rule decides what that means."""
    system = scan.operating_system
    name = f"{system.family} {system.name}" if system else "The distribution"
    return f"{name} is past its end of life: it {rule.outcome} by rule {rule.name}."


def _unknown_inputs(decisions: Iterable[Decision]) -> str:
    """Name what rules asked for in vain, of findings that might block if it were known."""
    missing = dict.fromkeys(
        name
        for one in decisions
        if one.outcome in {Outcome.INFORMS, Outcome.WARNS}
        for name in one.unknown_inputs
    )
    if not missing:
        return ""
    return f" Rules asked in vain for {' and '.join(_INPUTS.get(name, name) for name in missing)}."


def _named(subject: Subject, severity: str) -> str:
    if not isinstance(subject, Finding):
        place = f" in {_cut(subject.path)}" if subject.path else ""
        return f"{subject.kind} {_cut(subject.id)}{place} ({severity})"
    fix = f", fixed in {_cut(subject.fixed_version)}" if subject.is_fixable else ", without a fix"
    package = f"{_cut(subject.package)} {_cut(subject.installed_version)}"
    return f"{_cut(subject.vulnerability)} in {package} ({severity}{fix})"


def _cut(text: str) -> str:
    return text if len(text) <= _NAME_CHARACTERS else f"{text[: _NAME_CHARACTERS - 1]}…"
