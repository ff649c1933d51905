"""Globs of policies: `*` stays within one part of a path, `**` goes over all of it."""

import re
from collections.abc import Iterable
from functools import lru_cache

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def any_matches(globs: Iterable[str], text: str) -> bool:
    """Whether one of the globs matches all of a text."""
    return any(_matches(glob, text) for glob in globs)


def _matches(glob: str, text: str) -> bool:
    # Most are plain names, and there may be thousands of them for each finding.
    if "*" in glob or "?" in glob:
        return _compiled(glob).fullmatch(text) is not None
    return glob == text


@lru_cache(maxsize=4096)
def _compiled(glob: str) -> re.Pattern[str]:
    parts = (_MEANING.get(token) or re.escape(token) for token in _TOKEN.findall(glob))
    return re.compile("".join(parts), re.DOTALL)
