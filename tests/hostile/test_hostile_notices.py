"""Hostile names come out inert in every channel, wherever an announcement may hold them."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from scanner.notify.announcement import Announcement
from scanner.notify.channels import event, mail_html, mail_text, slack_blocks, teams_card
from tests.announcements import NEWLY_UNHEALTHY, hostile
from tests.hostile.images_names import TEXTS

_LINK = NEWLY_UNHEALTHY.link
_MORE = {
    "markup of every channel": "*b* _i_ ~s~ `c` [x](http://evil) <at>all</at> @all &lt;!here&gt;",
    "nested closing tags": "</td></table></h1><a href=http://evil>x</a>",
    "header injection": "x\r\nBcc: mallory@evil.example\r\n\r\n<b>",
    "astral and combining": "🔥" * 3_000 + "\u0301" * 3_000,
    "template": "{0} {0.__class__} {{7*7}} %s ${x}",
}
HOSTILE = TEXTS | _MORE


@pytest.fixture(params=HOSTILE, name="told")
def _told(request: pytest.FixtureRequest) -> Announcement:
    return hostile(HOSTILE[request.param])


def test_programs_get_plain_text_of_bounded_length(told: Announcement) -> None:
    """No control character, no override; the event stays under 64 KiB."""
    body = event.compose(told)
    assert len(body) <= event.MAX_BODY_BYTES
    for text in _texts(json.loads(body)):
        assert text.isprintable()
        assert len(text) <= 1_000


def test_teams_gets_runs_of_text_and_no_markdown(told: Announcement) -> None:
    """Under 20 KB, nothing in an element that reads Markdown, and no link but ours."""
    body = teams_card.compose(told)
    assert len(body) <= teams_card.MAX_BODY_BYTES
    card = json.loads(body)["attachments"][0]["content"]
    kinds = set(_members(card, "type"))
    assert kinds <= {"AdaptiveCard", "Container", "RichTextBlock", "TextRun", "Action.OpenUrl"}
    assert list(_members(card, "url")) == [_LINK]
    assert "entities" not in json.dumps(card["msteams"])
    _require_calm(card)


def test_slack_gets_escaped_plain_text(told: Announcement) -> None:
    """Within its limits, and without anything that it would parse."""
    body = slack_blocks.compose(told)
    assert len(body.decode()) <= slack_blocks.MAX_CHARACTERS
    message = json.loads(body)
    assert len(message["blocks"]) <= slack_blocks.MAX_BLOCKS
    assert "mrkdwn" not in _members(message["blocks"], "type")
    assert list(_members(message, "url")) == [_LINK]
    for text in _members(message, "text"):
        if isinstance(text, str):
            assert len(text) <= slack_blocks.MAX_SECTION_CHARACTERS
            assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text)
    _require_calm(message)


def test_a_mail_is_text_and_inert_markup(told: Announcement) -> None:
    """One line of subject; elements and the one link are ours; nothing is loaded."""
    subject, text = mail_text.subject([told]), mail_text.text([told])
    assert subject.isprintable()
    assert len(subject) <= 200
    for line in text.splitlines():
        assert line.isprintable()
    assert text.replace(_LINK, "").count("://") == 0
    page = mail_html.page([told])
    assert len(page) + len(text) <= 64 * 1024
    elements = _Elements()
    elements.feed(page)
    plain = _Elements()
    plain.feed(mail_html.page([hostile("x")]))
    assert elements.found == plain.found


class _Elements(HTMLParser):
    """Elements and attributes of a page, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, object]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one."""
        self.found.append((tag, attrs))


def _require_calm(document: object) -> None:
    for text in _texts(document):
        assert text.replace("\n", "").isprintable()
        if text not in {_LINK, "http://adaptivecards.io/schemas/adaptive-card.json"}:
            assert "://" not in text


def _texts(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for one in document:
            yield from _texts(one)
    elif isinstance(document, str):
        yield document


def _members(document: object, name: str) -> Iterator[object]:
    if isinstance(document, dict):
        if name in document:
            yield document[name]
        document = list(document.values())
    if isinstance(document, list):
        for one in document:
            yield from _members(one, name)
