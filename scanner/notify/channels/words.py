"""What a message says, part by part, the same for all channels that people read.

Each channel lays these parts out and escapes them for its own markup; none adds words on the
image. Lines hold no line breaks, no invisible characters and no live addresses.
"""

from dataclasses import dataclass, replace

from scanner.model import Finding, Severity, TransitionKind, Weakness
from scanner.notify.announcement import Announcement, Expiring
from scanner.notify.channels.headline import headline
from scanner.notify.channels.phrases import (
    change,
    count,
    finding,
    fit,
    full_name,
    moment,
    subject,
)

MAX_CHANGES = 3
MAX_FINDINGS = 5

_MAXIMUM_EXPLANATION = 500
_MAXIMUM_REASON = 160
_MAXIMUM_TAGS = 5
_NO_ROOM = "and more, for which there is no room here"
_TITLES = {
    TransitionKind.NEWLY_UNHEALTHY: "What to change",
    TransitionKind.WORSE: "What to change",
    TransitionKind.RESOLVED: "",
    TransitionKind.BECAME_UNKNOWN: "",
    TransitionKind.EXEMPTION_EXPIRING: "What to change before then",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a list; its severity stands apart, so that it can be coloured."""

    text: str
    severity: Severity | None = None

    def __str__(self) -> str:
        return f"{self.severity.name} {self.text}" if self.severity is not None else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled list, and what was left out of it."""

    title: str
    lines: tuple[Line, ...]
    cut: str = ""
    """Says how many more there are; empty where all are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A message in parts. Empty parts are not shown."""

    kind: TransitionKind
    headline: str
    explanation: str
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...]
    """Names and values, for who looks closer."""
    link: str
    """Ours; empty where none is set."""
    read_on: str
    """The command that shows the report."""


def words(told: Announcement) -> Words:
    """Put an announcement into words."""
    sections = (_changes(told), _expiring(told), _findings(told))
    return Words(
        kind=told.kind,
        headline=headline(told),
        explanation=fit(told.explanation, _MAXIMUM_EXPLANATION),
        sections=tuple(section for section in sections if section.lines or section.cut),
        facts=_facts(told),
        link=told.link,
        read_on=f"pushscan show {full_name(told)}",
    )


def shortened(said: Words) -> Words | None:
    """Take away the last line of the last list, or the facts; None when nothing more can go."""
    for index in reversed(range(len(said.sections))):
        section = said.sections[index]
        if section.lines:
            rest = replace(section, lines=section.lines[:-1], cut=_NO_ROOM)
            before, after = said.sections[:index], said.sections[index + 1 :]
            return replace(said, sections=(*before, rest, *after))
    return replace(said, facts=()) if said.facts else None


def _changes(told: Announcement) -> Section:
    shown = told.remedies[:MAX_CHANGES]
    title = _TITLES[told.kind]
    if not title:
        return Section(title="", lines=())
    if not shown and told.kind is TransitionKind.EXEMPTION_EXPIRING:
        return Section(title="", lines=())
    if not shown:
        return Section(title=title, lines=(Line(text="No change is known that mends it."),))
    more = max(told.remedies_total, len(told.remedies)) - len(shown)
    return Section(
        title=title,
        lines=tuple(Line(text=change(remedy)) for remedy in shown),
        cut=f"and {count(more, 'more change', 'more changes')}" if more else "",
    )


def _expiring(told: Announcement) -> Section:
    shown = told.expiring[:MAX_FINDINGS]
    more = len(told.expiring) - len(shown)
    return Section(
        title="Will count again",
        lines=tuple(map(_ending, shown)),
        cut=f"and {count(more, 'more exemption', 'more exemptions')}" if more else "",
    )


def _ending(one: Expiring) -> Line:
    owner = f" of {fit(one.owner)}" if one.owner else ""
    reason = f", because: {fit(one.reason, _MAXIMUM_REASON)}" if one.reason else ""
    accepted = f"accepted by {fit(one.exemption)}{owner} until {moment(one.ends)}{reason}"
    return Line(text=f"{subject(one.subject)}: {accepted}", severity=one.subject.severity)


def _findings(told: Announcement) -> Section:
    shown = told.findings[:MAX_FINDINGS]
    more = max(told.findings_total, len(told.findings)) - len(shown)
    title = "What blocks it"
    if told.kind is TransitionKind.WORSE:
        title = "What blocks it, new ones first"
    return Section(
        title=title,
        lines=tuple(map(_found, shown)),
        cut=f"and {count(more, 'more finding', 'more findings')}" if more > 0 else "",
    )


def _found(found: Finding | Weakness) -> Line:
    return Line(text=finding(found), severity=found.severity)


def _facts(told: Announcement) -> tuple[tuple[str, str], ...]:
    counts = ", ".join(
        f"{number:,} {severity.name.lower()}"
        for severity, number in sorted(told.counts.items(), reverse=True)
        if number
    )
    tags = ", ".join(map(fit, told.other_tags[:_MAXIMUM_TAGS]))
    if len(told.other_tags) > _MAXIMUM_TAGS:
        tags += f" and {len(told.other_tags) - _MAXIMUM_TAGS} more"
    facts = {
        "Image": full_name(told),
        "Also tagged": tags,
        "Digest": fit(told.digest),
        "Verdict": fit(told.verdict),
        "Before": fit(told.verdict_before) or "never judged",
        "Rule": fit(told.rule),
        "All findings": counts,
        "Advisories": fit(told.advisories),
    }
    return tuple((name, value) for name, value in facts.items() if value)
