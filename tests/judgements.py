"""Verdicts by fresh advisories."""

from scanner.model import NotApplicable, Rulebook, ScanReport, Unexaminable, Verdict
from tests.examples import ADVISORIES, NOW
from tests.policies import STRICT, verdict_on


def judge(seen: ScanReport | Unexaminable | NotApplicable, rulebook: Rulebook = STRICT) -> Verdict:
    """Judge with fresh advisories."""
    return verdict_on(seen, rulebook, ADVISORIES, as_of=NOW)
