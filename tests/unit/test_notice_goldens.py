"""Messages as people get them: reviewed text, one file a kind and channel.

`WRITE_GOLDENS=1` writes them anew; read each before you commit it.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from scanner.notify.announcement import Announcement
from scanner.notify.channels import event, mail_html, mail_text, slack_blocks, teams_card
from tests import announcements

GOLDENS = Path(__file__).parent / "notices"


def _mail(told: Sequence[Announcement], missing: int = 0) -> str:
    return f"Subject: {mail_text.subject(told)}\n\n{mail_text.text(told, missing)}"


def _json(body: bytes) -> str:
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False) + "\n"


RENDERED: dict[str, Callable[[Announcement], str]] = {
    "event.json": lambda told: _json(event.compose(told)),
    "teams.json": lambda told: _json(teams_card.compose(told)),
    "slack.json": lambda told: _json(slack_blocks.compose(told)),
    "mail.txt": lambda told: _mail([told]),
    "mail.html": lambda told: mail_html.page([told]),
}


@pytest.mark.parametrize("channel", RENDERED)
@pytest.mark.parametrize("told", announcements.ALL, ids=lambda told: told.kind.value)
def test_a_message_reads_as_reviewed(told: Announcement, channel: str) -> None:
    """Each kind of transition, in each channel."""
    _require(f"{told.kind.value}.{channel}", RENDERED[channel](told))


def test_a_digest_reads_as_reviewed() -> None:
    """Several announcements in one mail: all headlines first, and how many are missing."""
    _require("digest.mail.txt", _mail(announcements.ALL, missing=2))
    _require("digest.mail.html", mail_html.page(announcements.ALL, missing=2))


def test_no_golden_is_left_over() -> None:
    """A file that no test compares with would be read for nothing."""
    kinds = [told.kind.value for told in announcements.ALL]
    expected = {f"{kind}.{channel}" for kind in kinds for channel in RENDERED}
    expected |= {"digest.mail.txt", "digest.mail.html"}
    assert {path.name for path in GOLDENS.iterdir()} == expected


def _require(name: str, rendered: str) -> None:
    path = GOLDENS / name
    if os.environ.get("WRITE_GOLDENS"):
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8")
