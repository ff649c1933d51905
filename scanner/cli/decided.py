"""What the policy made of each finding, as people read it."""

from collections.abc import Iterable
from typing import Final

from scanner.classify.deeds import origin_words
from scanner.classify.subjects import id_of
from scanner.cli.found import SEVERITY_WIDTH, print_finding
from scanner.cli.screen import SEVERITY_STYLES, Part, Screen, minute, shown
from scanner.model import Decision, Finding, Outcome, Report, Weakness

_ORDER: Final = (Outcome.BLOCKS, Outcome.WARNS, Outcome.ACCEPTED, Outcome.INFORMS)
_STYLES: Final = {
    Outcome.BLOCKS: "bold red",
    Outcome.WARNS: "yellow",
    Outcome.ACCEPTED: "cyan",
    Outcome.INFORMS: "dim",
}


def print_decided(screen: Screen, report: Report, *, most: int) -> None:
    """Print what was found: what blocks comes first, then by severity; each with its rule."""
    decisions = _in_order(report.decisions)
    more = f", the first {most} of {len(decisions)}"
    screen.heading(f"Findings{more if len(decisions) > most else ''}")
    for decision in decisions[:most]:
        if isinstance(decision.subject, Finding):
            print_finding(screen, decision.subject)
        else:
            _print_weakness(screen, decision.subject)
        screen.line(*_outcome(decision), indent=2 + SEVERITY_WIDTH)
        url = decision.subject.url if isinstance(decision.subject, Finding) else ""
        for detail in filter(None, (decision.subject.title, url)):
            screen.line((shown(detail), "dim"), indent=2 + SEVERITY_WIDTH)


def _in_order(decisions: Iterable[Decision]) -> list[Decision]:
    return sorted(
        decisions,
        key=lambda one: (
            _ORDER.index(one.outcome),
            -one.subject.severity,
            one.subject.package if isinstance(one.subject, Finding) else one.subject.path,
            id_of(one.subject),
        ),
    )


def _print_weakness(screen: Screen, weakness: Weakness) -> None:
    line = f":{weakness.line}" if weakness.line else ""
    place = f"  {shown(weakness.path, 100)}{line}" if weakness.path else ""
    screen.line(
        (shown(weakness.id, 60), "bold"),
        f"  {weakness.kind}{place}",
        label=(
            f"{weakness.severity.name:<{SEVERITY_WIDTH}}",
            SEVERITY_STYLES[weakness.severity],
        ),
        indent=2,
    )


def _outcome(decision: Decision) -> list[Part]:
    """Say what follows from a finding, by which rule, until when, and what was not known."""
    by = f" by rule {shown(decision.rule, 64)}" if decision.rule else ", no rule concerns it"
    until = f" until {minute(decision.due)}" if decision.due else ""
    if decision.exemption:
        by = f" by {shown(decision.exemption, 100)}{until}, against rule {shown(decision.rule, 64)}"
        until = ""
    asked = ", ".join(shown(name, 40) for name in decision.unknown_inputs)
    unknown = f"; not known: {asked}" if asked else ""
    brought = origin_words(decision.origin)
    origin = f"; {brought}" if brought else ""
    return [(decision.outcome.value, _STYLES[decision.outcome]), f"{by}{until}{unknown}{origin}"]
