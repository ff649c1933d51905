"""What the demo's people are sent: waited for, shown as the mail says it, and kept as files."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from local.channels import Channels

_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05
_LAST_SHOWN: Final = "Read on:"


@dataclass(slots=True, kw_only=True)
class Messages:
    """The messages of all channels, from the first on."""

    channels: Channels
    _shown: int = 0

    def show_next(self, *kinds: str, console: Console) -> Iterator[str]:
        """Wait for a message of each kind; yield what is not as expected."""
        wanted = self._shown + len(kinds)
        deadline = time.monotonic() + _SECONDS
        while self._arrived() < wanted and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        told = [event["data"]["kind"] for event in self.channels.events[self._shown :]]
        mails = self.channels.mails[self._shown :]
        for mail in mails:
            _show(mail, console)
        if sorted(told) != sorted(kinds) or len(mails) != len(kinds):
            yield f"{len(mails)} mails and the events {told} came, and not {list(kinds)}"
        self._shown = wanted

    def keep(self, folder: Path) -> None:
        """Write each message that came so far as its channel got it."""
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for number, mail in enumerate(self.channels.mails, 1):
            (folder / f"{number}-mail.eml").write_bytes(mail.as_bytes())
        documents = {
            "event": self.channels.events,
            "teams": self.channels.cards,
            "slack": self.channels.slack_messages,
        }
        for name, taken in documents.items():
            for number, document in enumerate(taken, 1):
                text = json.dumps(document, indent=2, ensure_ascii=False)
                (folder / f"{number}-{name}.json").write_text(text, encoding="utf-8")

    def _arrived(self) -> int:
        """Return how many have come by mail and webhook. Others have a rate, and may come later."""
        return min(len(self.channels.events), len(self.channels.mails))


def _show(mail: EmailMessage, console: Console) -> None:
    """Print the plain text, without the table of facts at its end."""
    body = mail.get_body(("plain",))
    lines = body.get_content().splitlines() if body is not None else ["(no text)"]
    console.print(Text(f"  \u2709 To: {mail['To']}", style="bold"))
    for line in lines:
        console.print(Text(f"  \u2502 {line}".rstrip()))
        if line.startswith(_LAST_SHOWN):
            break
