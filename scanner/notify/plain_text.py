"""Text from images and advisories, made fit for people: one line, no tricks, not too long."""

import unicodedata

_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
"""Controls, bidirectional and invisible marks, unassigned, private, surrogates, line ends."""


def plain(untrusted_text: str, limit: int) -> str:
    """Return at most `limit` characters without any that could hide or reorder others."""
    # Cut before the walk: a hostile title may be megabytes long.
    candidates = untrusted_text[: limit * 4]
    kept = "".join(map(_shown, candidates))
    if len(kept) <= limit and len(candidates) == len(untrusted_text):
        return kept
    return kept[: limit - 1] + "…"


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs":
        return " "
    return "" if category in _UNSAFE_CATEGORIES else character
