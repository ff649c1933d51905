"""Announcements as the plain text of a mail, and its subject."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from scanner.notify.announcement import Announcement
from scanner.notify.channels.phrases import count
from scanner.notify.channels.words import Line, Words, words

MAX_HEADLINES: Final = 200
MAX_WHOLE: Final = 25
"""What a person reads of a digest; the others are named by their headlines."""

_MISSING_ONE = "more change is left out, as its report is gone"
_MISSING = "more changes are left out, as their reports are gone"
_WIDTH = 78
_MAXIMUM_SUBJECT = 200


def subject(announcements: Sequence[Announcement]) -> str:
    """Return one line: the headline, or of a digest how many there are of what."""
    if len(announcements) == 1:
        line = words(announcements[0]).headline
    else:
        kinds = [told.kind for told in announcements]
        counted = (
            f"{kinds.count(kind)} {kind.value.replace('-', ' ')}" for kind in dict.fromkeys(kinds)
        )
        line = f"{count(len(kinds), 'change', 'changes')} in your images: {', '.join(counted)}"
    return line if len(line) <= _MAXIMUM_SUBJECT else f"{line[: _MAXIMUM_SUBJECT - 1]}…"


def text(announcements: Sequence[Announcement], missing: int = 0) -> str:
    """Return the text; a digest begins with all headlines."""
    said = list(map(words, announcements[:MAX_HEADLINES]))
    parts = list(map(_whole, said[:MAX_WHOLE]))
    if len(said) > 1:
        headlines = [f"{number}. {one.headline}" for number, one in enumerate(said, 1)]
        overview = "\n".join(filter(None, [*headlines, left_out(announcements, missing)]))
        parts = [overview, *(f"{'-' * _WIDTH}\n{part}" for part in parts)]
    elif cut := left_out(announcements, missing):
        parts.append(cut)
    return "\n\n".join(parts) + "\n\n--\nSent by Pushscan. Do not answer this mail.\n"


def left_out(announcements: Sequence[Announcement], missing: int) -> str:
    """Say what a digest does not show; empty where it shows all."""
    unnamed = len(announcements) - MAX_HEADLINES
    more = f"And {count(unnamed, 'more change', 'more changes')}." if unnamed > 0 else ""
    first = f"The first {MAX_WHOLE} follow in full." if len(announcements) > MAX_WHOLE else ""
    gone = f"{count(missing, _MISSING_ONE, _MISSING)}." if missing else ""
    return " ".join(filter(None, [more, first, gone]))


def _whole(said: Words) -> str:
    return "\n\n".join(_paragraphs(said))


def _paragraphs(said: Words) -> Iterator[str]:
    yield _wrapped(said.headline)
    if said.explanation:
        yield _wrapped(said.explanation)
    for section in said.sections:
        rows = [f"{section.title}:", *map(_row, section.lines)]
        yield "\n".join([*rows, f"  {section.cut}"] if section.cut else rows)
    # Not wrapped: a link or a command that is broken in two is none.
    yield f"Read on: {said.link or said.read_on}"
    width = max(len(name) for name, _ in said.facts) + 1
    yield "\n".join(f"{name + ':':<{width}} {value}" for name, value in said.facts)


def _row(line: Line) -> str:
    return textwrap.fill(
        str(line),
        _WIDTH,
        initial_indent="  * ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)
