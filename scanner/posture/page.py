"""Assessments as one HTML page: no script, nothing loaded, light and dark."""

import html
from collections.abc import Iterable, Sequence
from typing import Final

from scanner.posture.assessment import RULES_BY_ID, Assessment, Finding
from scanner.posture.rule import Outcome, Severity
from scanner.text import visible

_STYLE: Final = """
:root { color-scheme: light dark; --line: #d0d7de; --dim: #59636e; --red: #b3261e;
  --amber: #8a5a00; --green: #1a7f37; --blue: #0a58b5; --code: #f6f8fa }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --dim: #9198a1; --red: #ff8a80;
  --amber: #e3b341; --green: #56d364; --blue: #79b8ff; --code: #151b23 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem; overflow-wrap: anywhere }
p.about { color: var(--dim); overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0;
  border-bottom: 1px solid var(--line) }
td:nth-child(-n+3), th { white-space: nowrap }
td:last-child { overflow-wrap: anywhere; width: 60% }
.outcome { font-weight: 600 } .fail { color: var(--red) } .unknown { color: var(--amber) }
.pass { color: var(--green) } .exempt { color: var(--blue) } .not-applicable { color: var(--dim) }
.why, .note { color: var(--dim); font-size: .9rem }
code { display: block; background: var(--code); padding: .35rem .6rem; margin-top: .35rem;
  font: 13px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
@media (max-width: 50rem) { thead { display: none }
  tr, td, td:last-child { display: block; width: auto }
  tr { border-bottom: 1px solid var(--line); padding: .5rem 0 } td { border: 0; padding: 0 }
  td:nth-child(-n+3) { display: inline-block; margin-right: .75rem } }
"""
_ORDER: Final = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS, Outcome.NOT_APPLICABLE)
_WEIGHED: Final = {Outcome.FAIL, Outcome.UNKNOWN}
"""Where the severity tells what to look at first."""
_MAX_TEXT: Final = 2_000


def page(assessments: Sequence[Assessment]) -> str:
    """Write the page; text that came from outside is escaped twice: for the eye and for HTML."""
    sections = "".join(map(_section, assessments))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Registry posture</title><style>{_STYLE}</style></head>"
        f"<body><h1>Registry posture</h1>{sections}</body></html>\n"
    )


def _text(untrusted: str) -> str:
    return html.escape(visible(untrusted, _MAX_TEXT))


def _section(assessment: Assessment) -> str:
    about = [
        assessment.resource_id or "not deployed yet",
        f"sku {assessment.sku}",
        ", ".join(filter(None, (assessment.location, *assessment.replicas))),
        f"caches {', '.join(assessment.cache_sources)}" if assessment.cache_sources else "",
        f"{assessment.assessed_at:%Y-%m-%d %H:%M} UTC",
    ]
    rows = "".join(map(_row, ordered(assessment.findings)))
    return (
        f"<section><h2>{_text(assessment.registry)}: {_text(summary(assessment))}</h2>"
        f'<p class="about">{_text(" · ".join(filter(None, about)))}</p>'
        "<table><thead><tr><th>Outcome</th><th>Severity</th><th>Rule</th>"
        f"<th>Control, evidence, remedy</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )


def summary(assessment: Assessment) -> str:
    """Count what is open, as `2 high, 1 low, 3 unknown`; `nothing to mend` when there is none."""
    opened = assessment.open_from(Severity.INFO)
    counts = [
        (severity.name.lower(), sum(finding.severity is severity for finding in opened))
        for severity in reversed(Severity)
    ]
    unread = sum(finding.outcome is Outcome.UNKNOWN for finding in assessment.findings)
    accepted = sum(finding.exemption is not None for finding in assessment.findings)
    counts += [("unknown", unread), ("exempt", accepted)]
    return ", ".join(f"{n} {name}" for name, n in counts if n) or "nothing to mend"


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Put what must be done first."""
    return sorted(
        findings,
        key=lambda finding: (
            _ORDER.index(finding.outcome),
            finding.exemption is not None,
            -finding.severity if finding.outcome in _WEIGHED else 0,
            finding.rule,
        ),
    )


def _row(finding: Finding) -> str:
    rule = RULES_BY_ID.get(finding.rule)
    control = rule.control if rule else "a rule of another version"
    kind = word(finding)
    why = rule.why if rule and finding.outcome is Outcome.FAIL else ""
    policies = ", ".join(rule.policies) if rule and finding.outcome is Outcome.FAIL else ""
    details = [
        f"<strong>{_text(control)}</strong><br>{_text(finding.evidence)}",
        f'<div class="why">{_text(why)}</div>' if why else "",
        f'<div class="note">{_text(accepted(finding))}</div>' if finding.exemption else "",
        f"<code>{_text(finding.remedy)}</code>" if finding.remedy else "",
        f'<div class="note">Azure Policy {_text(policies)}</div>' if policies else "",
    ]
    return (
        f'<tr><td class="outcome {kind}">{kind}</td><td>{weight(finding)}</td>'
        f"<td>{_text(finding.rule)}</td><td>{''.join(details)}</td></tr>"
    )


def word(finding: Finding) -> str:
    """Return the outcome as people read it: an accepted failure is `exempt`."""
    return "exempt" if finding.exemption else finding.outcome.value


def weight(finding: Finding) -> str:
    """Return the severity of what fails or is not known, else nothing."""
    return finding.severity.name if finding.outcome in _WEIGHED else ""


def accepted(finding: Finding) -> str:
    """Say who accepted a finding, until when and why."""
    given = finding.exemption
    return f"accepted by {given.owner} until {given.expires}: {given.reason}" if given else ""
