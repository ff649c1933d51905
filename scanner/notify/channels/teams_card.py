"""An announcement as an Adaptive Card 1.4, as a Teams workflow takes it.

Text from images stands in text runs, never in text blocks: Teams reads Markdown in the latter and
in facts, and not in the former ("Format cards in Teams"). A card over 20 KB loses lines from the
end and says so; Teams' own limit is about 28 KB and not sharp.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from scanner.model import Severity, TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.channels.words import Line, Section, Words, shortened, words

MAX_BODY_BYTES: Final = 20_000

_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_COLOURS = {
    TransitionKind.NEWLY_UNHEALTHY: "attention",
    TransitionKind.WORSE: "attention",
    TransitionKind.RESOLVED: "good",
    TransitionKind.BECAME_UNKNOWN: "warning",
    TransitionKind.EXEMPTION_EXPIRING: "warning",
}
_SEVERITY_COLOURS = {Severity.CRITICAL: "attention", Severity.HIGH: "warning"}
_FACTS = {"Image", "Also tagged", "Rule", "All findings"}
"""What fits a card; the rest is in the report."""


def compose(told: Announcement) -> bytes:
    """Write the message that carries the card; never over `MAX_BODY_BYTES`."""
    said = words(told)
    body = _encode(said)
    while len(body) > MAX_BODY_BYTES and (shorter := shortened(said)) is not None:
        said = shorter
        body = _encode(said)
    return body


def _encode(said: Words) -> bytes:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": _card(said),
    }
    message = {"type": "message", "attachments": [attachment]}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _card(said: Words) -> dict[str, Any]:
    body = [
        {
            "type": "Container",
            "style": _COLOURS[said.kind],
            "bleed": True,
            "items": [_text([_run(said.headline, weight="bolder", size="medium")])],
        },
    ]
    if said.explanation:
        body.append(_text([_run(said.explanation)]))
    for section in said.sections:
        body += _section(section)
    body += _facts(said)
    card: dict[str, Any] = {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.4",
        # What a notification shows, and who has the card read aloud.
        "speak": said.headline,
        "msteams": {"width": "Full"},
        "body": body,
    }
    if said.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the report", "url": said.link}]
    return card


def _section(section: Section) -> list[dict[str, Any]]:
    title = {**_text([_run(section.title, weight="bolder")]), "spacing": "medium"}
    rows = [_row(line) for line in section.lines]
    if section.cut:
        rows.append({**_text([_run(section.cut, isSubtle=True)]), "spacing": "small"})
    return [title, *rows]


def _row(line: Line) -> dict[str, Any]:
    runs = [_run("• ")]
    if line.severity is not None:
        colour = _SEVERITY_COLOURS.get(line.severity, "default")
        runs.append(_run(f"{line.severity.name} ", weight="bolder", color=colour))
    return {**_text([*runs, _run(line.text)]), "spacing": "small"}


def _facts(said: Words) -> list[dict[str, Any]]:
    shown = [(name, value) for name, value in said.facts if name in _FACTS]
    if not said.link:
        shown.append(("Read on with", said.read_on))
    rows = [
        {
            **_text([_run(f"{name}: ", isSubtle=True, size="small"), _run(value, size="small")]),
            "spacing": "none" if index else "medium",
            **({} if index else {"separator": True}),
        }
        for index, (name, value) in enumerate(shown)
    ]
    return rows if said.facts else rows[-1:]


def _text(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **style: str | bool) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}
