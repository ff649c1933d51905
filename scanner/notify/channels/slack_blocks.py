"""An announcement as blocks of a Slack message.

Every text is `plain_text`, in which nothing is a link, a mention or bold, and has `&`, `<` and `>`
escaped all the same, as Slack asks of all text objects ("Formatting text", "Escaping text").
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from scanner.model import TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.channels.words import Section, Words, shortened, words

MAX_CHARACTERS: Final = 12_000
"""Slack refuses messages of some 13,200 in all (bolt-js issue 2509)."""
MAX_BLOCKS: Final = 50
MAX_SECTION_CHARACTERS: Final = 3_000

_MAXIMUM_HEADER = 150
_MAXIMUM_CONTEXT = 1_500
_MAXIMUM_FALLBACK = 500
_MARKS = {
    TransitionKind.NEWLY_UNHEALTHY: "🔴",
    TransitionKind.WORSE: "🔴",
    TransitionKind.RESOLVED: "🟢",
    TransitionKind.BECAME_UNKNOWN: "⚪",
    TransitionKind.EXEMPTION_EXPIRING: "🟡",
}


def compose(told: Announcement) -> bytes:
    """Write the message; never more than 50 blocks or `MAX_CHARACTERS`."""
    said = words(told)
    message = _encode(said)
    while not _fits(said, message) and (shorter := shortened(said)) is not None:
        said = shorter
        message = _encode(said)
    return message.encode()


def _fits(said: Words, message: str) -> bool:
    lists = (len(_escaped(_listed(section))) for section in said.sections)
    return len(message) <= MAX_CHARACTERS and max(lists, default=0) <= MAX_SECTION_CHARACTERS


def _encode(said: Words) -> str:
    headline = f"{_MARKS[said.kind]} {said.headline}"
    blocks = [_header(headline)]
    # A header is cut where a sentence may not be.
    texts = [said.headline] if len(_escaped(headline)) > _MAXIMUM_HEADER else []
    texts += [said.explanation] if said.explanation else []
    texts += map(_listed, said.sections)
    blocks += [_section(text) for text in texts]
    blocks.append(_context(said))
    if said.link:
        blocks.append(_button(said.link))
    message = {
        # Shown in notifications, and where blocks are not.
        "text": _cut(headline, _MAXIMUM_FALLBACK),
        "mrkdwn": False,
        "link_names": False,
        "parse": "none",
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _listed(section: Section) -> str:
    cut = [section.cut] if section.cut else []
    return "\n".join([section.title, *(f"• {line}" for line in section.lines), *cut])


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": _plain_text(text, _MAXIMUM_HEADER)}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain_text(text, MAX_SECTION_CHARACTERS)}


def _context(said: Words) -> dict[str, Any]:
    facts = [f"{name}: {value}" for name, value in said.facts]
    read_on = [] if said.link else [f"Read on with: {said.read_on}"]
    text = _plain_text("\n".join([*facts, *read_on]), _MAXIMUM_CONTEXT)
    return {"type": "context", "elements": [text]}


def _button(link: str) -> dict[str, Any]:
    text = _plain_text("Open the report", _MAXIMUM_HEADER)
    return {"type": "actions", "elements": [{"type": "button", "text": text, "url": link}]}


def _plain_text(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "emoji": False, "text": _cut(text, limit)}


def _cut(text: str, limit: int) -> str:
    """Escape a text and cut it so that what is escaped stays whole."""
    escaped = _escaped(text)
    if len(escaped) <= limit:
        return escaped
    pieces: list[str] = []
    for piece in _pieces(text):
        if sum(map(len, pieces)) + len(piece) > limit - 1:
            break
        pieces.append(piece)
    return "".join(pieces) + "…"


def _pieces(text: str) -> Iterable[str]:
    return map(_escaped, text)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
