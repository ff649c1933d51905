"""Findings as workflow commands of GitHub Actions: annotations on a run.

Source: GitHub Docs, "Workflow commands for GitHub Actions", and the runner's `ActionCommand.cs`: in
data `%`, CR and LF are escaped, in properties `:` and `,` too. A line that begins with `::` is a
command, and so is `##[` anywhere in one; Azure Pipelines obeys `##vso[` likewise.
"""

from collections.abc import Iterator
from typing import Final

from scanner.exports.exported import Exported, decisions, weightiest_first
from scanner.model import Decision, Finding, Outcome, Status, Weakness
from scanner.text import unobeyed

MAX_ANNOTATIONS: Final = 10
"""Of a kind and a step: GitHub shows no more."""
_MAX_CHARACTERS = 500
_LEVELS: Final = {Outcome.BLOCKS: "error", Outcome.WARNS: "warning"}


def workflow_commands(about: Exported) -> Iterator[str]:
    """Yield lines: what blocks as errors, what warns as warnings, and the verdict at the end."""
    for level, found in _by_level(about).items():
        for decision in found[:MAX_ANNOTATIONS]:
            yield _command(level, _title(decision), _text(decision))
        if len(found) > MAX_ANNOTATIONS:
            yield _command("notice", "", f"{len(found) - MAX_ANNOTATIONS} more {level}s")
    verdict = about.report.verdict
    level = "notice" if verdict.status is Status.HEALTHY else "error"
    yield _command(level, f"{about.image.name}: {verdict}", verdict.explanation)


def _by_level(about: Exported) -> dict[str, list[Decision]]:
    found: dict[str, dict[Decision, None]] = {"error": {}, "warning": {}}
    for one in about.platforms:
        for decision in decisions(one.report) if one.report else ():
            if level := _LEVELS.get(decision.outcome):
                found[level][decision] = None
    return {level: weightiest_first(list(known)) for level, known in found.items()}


def _title(decision: Decision) -> str:
    subject = decision.subject
    named = subject.vulnerability if isinstance(subject, Finding) else subject.id
    return f"{subject.severity.name} {named}"


def _text(decision: Decision) -> str:
    subject = decision.subject
    if isinstance(subject, Weakness):
        place = f" in {subject.path}:{subject.line}" if subject.path else ""
        return f"{subject.title}{place}"
    fix = f"fixed in {subject.fixed_version}" if subject.is_fixable else "no fix is published"
    return f"{subject.package} {subject.installed_version}, {fix}. {subject.title}"


def _command(level: str, untrusted_title: str, untrusted_text: str) -> str:
    title = _data(untrusted_title).replace(":", "%3A").replace(",", "%2C")
    properties = f" title={title}" if title else ""
    return f"::{level}{properties}::{_data(untrusted_text)}"


def _data(untrusted_text: str) -> str:
    return unobeyed(untrusted_text, _MAX_CHARACTERS).replace("%", "%25")
