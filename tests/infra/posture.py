"""Our audit of our own templates: `python -m tests.infra.posture` prints it for each profile."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from local.bicep import profiles
from scanner.posture.assessment import assess
from scanner.posture.files import read_resources
from scanner.posture.rule import Outcome
from tests.infra.templates import deployed


def table(profile: str) -> Iterator[str]:
    """Yield a line with the counts, and one for each finding that is open."""
    (snapshot,) = read_resources(deployed(profile))
    found = assess(snapshot, now=datetime.now(UTC)).findings
    outcomes = [one.outcome for one in found]
    counts = ", ".join(f"{outcomes.count(one)} {one}" for one in Outcome if one in outcomes)
    yield f"{profile}: {counts}"
    for one in found:
        if one.outcome in {Outcome.FAIL, Outcome.UNKNOWN}:
            yield f"  {one.outcome:8}{one.rule}  {one.severity.name:8}{one.evidence}"


if __name__ == "__main__":
    lines = [line for profile in profiles.NAMES for line in table(profile)]
    sys.stdout.write("\n".join(lines) + "\n")
