"""Findings that somebody has accepted: who, why, and until when.

A JSON object: {"exemptions": [{"registry": "shop*", "rule": "ACR008", "owner": "...",
"reason": "...", "expires": "2027-03-31"}]}. `registry` is a glob over names. An exemption that has
run out exempts nothing; one that names a rule that is not there is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from scanner.errors import InvalidMessageError, SettingsError
from scanner.strict_json import parse_object
from scanner.text import visible

MAX_BYTES = 256 * 1024
_MEMBERS = ("registry", "rule", "owner", "reason", "expires")
_MAX_TEXT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """One accepted finding; it holds to the end of the day `expires`, in UTC."""

    registry: str
    rule: str
    owner: str
    reason: str
    expires: date

    def covers(self, registry: str, rule: str, today: date) -> bool:
        """Whether a finding of today is accepted."""
        return (
            self.rule == rule
            and today <= self.expires
            and fnmatchcase(registry.lower(), self.registry.lower())
        )


def read_exemptions(untrusted_document: bytes, rules: Iterable[str]) -> tuple[Exemption, ...]:
    """Read an exemption file. Raises SettingsError that names each entry that is wrong."""
    try:
        document = parse_object(untrusted_document, max_bytes=MAX_BYTES)
    except InvalidMessageError as error:
        raise SettingsError(f"exemptions: {error}") from error
    entries = document.get("exemptions")
    if not isinstance(entries, list) or len(document) != 1:
        raise SettingsError('exemptions: is not {"exemptions": [...]}')
    known = frozenset(rules)
    return tuple(_read(entry, number, known) for number, entry in enumerate(entries, start=1))


def _read(untrusted: Any, number: int, known: frozenset[str]) -> Exemption:  # noqa: ANN401  JSON
    if not isinstance(untrusted, dict) or set(untrusted) != set(_MEMBERS):
        raise SettingsError(f"exemptions: entry {number} has not just {', '.join(_MEMBERS)}")
    texts = {name: untrusted[name] for name in _MEMBERS}
    if not all(isinstance(text, str) and text.strip() for text in texts.values()):
        raise SettingsError(f"exemptions: entry {number} has a member that is no text or empty")
    if texts["rule"] not in known:
        raise SettingsError(f"exemptions: entry {number} names a rule that is not there")
    try:
        expires = date.fromisoformat(texts["expires"])
    except ValueError as error:
        raise SettingsError(f"exemptions: entry {number}: expires is no date") from error
    return Exemption(
        registry=texts["registry"],
        rule=texts["rule"],
        owner=visible(texts["owner"], _MAX_TEXT),
        reason=visible(texts["reason"], _MAX_TEXT),
        expires=expires,
    )
