"""Parts of a route that several channels have."""

import re
from collections.abc import Callable
from typing import Final

from scanner.policy.members import Members

MAX_RECIPIENTS: Final = 50
"""What Communication Services takes in one mail ("Service limits", Email)."""

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")
_EXPECTED = "an address like team@contoso.com"


def required(members: Members, name: str, pattern: re.Pattern[str], expected: str) -> str:
    """Return a text that must be there and match; a fault reads as empty."""
    if name not in members:
        members.missing(name)
    return members.parsed(name, _matching(pattern), expected) or ""


def mail_sender(members: Members) -> str:
    """Return who mail is from."""
    return required(members, "from", _ADDRESS, _EXPECTED)


def mail_recipients(members: Members) -> tuple[str, ...]:
    """Return who mail is for."""
    if "to" not in members:
        members.missing("to")
    recipients = members.several("to", _matching(_ADDRESS), _EXPECTED)
    if len(recipients) > MAX_RECIPIENTS:
        members.fault("to", f"has more than {MAX_RECIPIENTS} addresses")
    return recipients


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(text)
        return text

    return parse
