"""Pure: what of a report people are told of, and by which keys it is known again later."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from scanner.model import Decision, Finding, Outcome, Report, Subject

MAXIMUM_KEYS = 10_000
"""What is beyond never makes an image worse; a row of a table holds 1 MiB."""
_KEY_DIGITS = 12
"""Of a hash; two of ten thousand findings are mixed up once in six million images."""


def blocking(report: Report) -> tuple[Subject, ...]:
    """Return what makes an image unhealthy, each subject once.

    The platforms of an index mostly share their findings.
    """
    decided = [one.subject for one in report.decisions if one.outcome is Outcome.BLOCKS]
    subjects = [*report.verdict.violations, *report.verdict.weaknesses, *decided]
    return tuple({key_of(subject): subject for subject in reversed(subjects)}.values())[::-1]


def keys_of(report: Report) -> frozenset[str]:
    """Return the keys of what makes an image unhealthy, at most `MAXIMUM_KEYS`."""
    return frozenset(sorted(map(key_of, blocking(report)))[:MAXIMUM_KEYS])


def key_of(subject: Subject) -> str:
    """Return what names a finding whatever version is installed, and a weakness wherever it is."""
    if isinstance(subject, Finding):
        named = f"{subject.vulnerability} {subject.package}"
    else:
        named = f"{subject.kind} {subject.id} {subject.path}"
    return hashlib.sha256(named.encode(errors="surrogatepass")).hexdigest()[:_KEY_DIGITS]


def exempted(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Return what an exemption lets pass."""
    return tuple(one for one in decisions if one.outcome is Outcome.ACCEPTED and one.exemption)


def exemption_ends(decisions: Iterable[Decision]) -> Mapping[str, datetime]:
    """Return when the exemptions in use end. One that is prolonged has another key."""
    return {exemption_key(one): one.due for one in exempted(decisions) if one.due is not None}


def exemption_key(decision: Decision) -> str:
    """Return what names an exemption and its end."""
    named = f"{decision.exemption} {decision.due}"
    return hashlib.sha256(named.encode(errors="surrogatepass")).hexdigest()[:_KEY_DIGITS]
