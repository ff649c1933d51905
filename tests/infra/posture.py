"""Our audit of our own templates: `python -m tests.infra.posture` prints it for each profile."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from local.bicep import profiles
from scanner.posture.assessment import RULES_BY_ID, Finding, assess
from scanner.posture.exemptions import read_exemptions
from scanner.posture.files import read_resources
from scanner.posture.rule import Outcome
from tests.infra.templates import deployed


def findings(profile: str) -> tuple[Finding, ...]:
    """Return what the audit says of the registry of a profile, with our exemptions."""
    exempt = (profiles.MAIN.parent / "posture-exemptions.json").read_bytes()
    (snapshot,) = read_resources(deployed(profile))
    exemptions = read_exemptions(exempt, RULES_BY_ID)
    return assess(snapshot, exemptions=exemptions, now=datetime.now(UTC)).findings


def table(profile: str) -> Iterator[str]:
    """Yield a line with the counts, and one for each finding and each exemption."""
    found = findings(profile)
    words = ["exempt" if one.exemption else str(one.outcome) for one in found]
    counts = ", ".join(f"{words.count(word)} {word}" for word in sorted(set(words)))
    yield f"{profile}: {counts}"
    for word, one in zip(words, found, strict=True):
        if word in {"exempt", Outcome.FAIL, Outcome.UNKNOWN}:
            yield f"  {word:8}{one.rule}  {one.severity.name:8}{one.evidence}"


if __name__ == "__main__":
    lines = [line for profile in profiles.NAMES for line in table(profile)]
    sys.stdout.write("\n".join(lines) + "\n")
