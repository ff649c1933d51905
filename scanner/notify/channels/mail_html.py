"""Announcements as the HTML of a mail: tables and inline styles, no script, nothing loaded.

MarkupSafe escapes whatever is formatted into a `Markup`. Colours are set for text and background
together, since some programs turn one of them dark.
"""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from scanner.model import Severity, TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.channels.mail_text import MAX_HEADLINES, MAX_WHOLE, left_out, subject
from scanner.notify.channels.words import Line, Section, Words, words

_RED, _GREEN, _AMBER, _GREY = "#b3261e", "#1a7f37", "#8a5a00", "#59636e"
_COLOURS = {
    TransitionKind.NEWLY_UNHEALTHY: _RED,
    TransitionKind.WORSE: _RED,
    TransitionKind.RESOLVED: _GREEN,
    TransitionKind.BECAME_UNKNOWN: _GREY,
    TransitionKind.EXEMPTION_EXPIRING: _AMBER,
}
_SEVERITY_COLOURS = {Severity.CRITICAL: _RED, Severity.HIGH: _AMBER}

_PAGE = Markup(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light"><title>{title}</title></head>'
    '<body style="margin:0;padding:24px 12px;background:#f6f8fa;color:#1f2328;'
    'font:15px/1.5 -apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif">\n{body}'
    '<p style="max-width:640px;margin:16px auto 0;color:#59636e;font-size:12px">'
    "Sent by Pushscan. Do not answer this mail.</p></body></html>\n"
)
_OVERVIEW = Markup(
    '<ol style="max-width:640px;margin:0 auto 24px;padding-left:24px">{items}</ol>\n{cut}'
)
_LEFT_OUT = Markup('<p style="max-width:640px;margin:0 auto 24px;color:#59636e">{}</p>\n')
_CARD = Markup(
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" '
    'style="max-width:640px;margin:0 auto 24px;background:#ffffff;border:1px solid #d0d7de;'
    'border-top:4px solid {colour};border-collapse:separate">'
    '<tr><td style="padding:20px 24px;overflow-wrap:anywhere;word-break:break-word">\n'
    '<h1 style="margin:0;font-size:18px;line-height:1.4;color:{colour}">{headline}</h1>\n'
    "{parts}</td></tr></table>\n"
)
_PARAGRAPH = Markup('<p style="margin:12px 0 0">{}</p>\n')
_SECTION = Markup(
    '<h2 style="margin:20px 0 4px;font-size:15px;color:#1f2328">{title}</h2>\n'
    '<ul style="margin:0;padding-left:20px">{rows}</ul>\n{cut}'
)
_ITEM = Markup('<li style="margin:4px 0">{}</li>\n')
_SEVERITY = Markup('<strong style="color:{}">{}</strong> ')
_CUT = Markup('<p style="margin:4px 0 0;color:#59636e">{}</p>\n')
_BUTTON = Markup(
    '<p style="margin:20px 0 0"><a href="{}" rel="noopener" style="display:inline-block;'
    'padding:8px 16px;background:#0a58b5;color:#ffffff;text-decoration:none">'
    "Open the report</a></p>\n"
)
_COMMAND = Markup(
    '<p style="margin:20px 0 0">Read on with '
    '<code style="background:#f6f8fa;padding:2px 6px">{}</code></p>\n'
)
_FACTS = Markup(
    '<table cellpadding="0" cellspacing="0" style="margin:20px 0 0;color:#59636e;font-size:13px">'
    "{}</table>\n"
)
_FACT = Markup(
    '<tr><td style="padding:1px 16px 1px 0;white-space:nowrap;vertical-align:top">{}</td>'
    '<td style="padding:1px 0;overflow-wrap:anywhere;word-break:break-word">{}</td></tr>\n'
)


def page(announcements: Sequence[Announcement], missing: int = 0) -> str:
    """Return the page; a digest begins with all headlines."""
    said = list(map(words, announcements[:MAX_HEADLINES]))
    body = _joined(map(_card, said[:MAX_WHOLE]))
    cut = left_out(announcements, missing)
    note = _LEFT_OUT.format(cut) if cut else Markup()
    if len(said) > 1:
        headlines = _joined(_ITEM.format(one.headline) for one in said)
        body = _OVERVIEW.format(items=headlines, cut=note) + body
    else:
        body += note
    return str(_PAGE.format(title=subject(announcements), body=body))


def _card(said: Words) -> Markup:
    parts = [_PARAGRAPH.format(said.explanation)] if said.explanation else []
    parts += map(_section, said.sections)
    parts.append(_BUTTON.format(said.link) if said.link else _COMMAND.format(said.read_on))
    parts.append(_FACTS.format(_joined(_FACT.format(*fact) for fact in said.facts)))
    return _CARD.format(colour=_COLOURS[said.kind], headline=said.headline, parts=_joined(parts))


def _section(section: Section) -> Markup:
    return _SECTION.format(
        title=section.title,
        rows=_joined(map(_row, section.lines)),
        cut=_CUT.format(section.cut) if section.cut else "",
    )


def _row(line: Line) -> Markup:
    severity = Markup()
    if line.severity is not None:
        colour = _SEVERITY_COLOURS.get(line.severity, _GREY)
        severity = _SEVERITY.format(colour, line.severity.name)
    return _ITEM.format(severity + line.text)


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup().join(parts)
