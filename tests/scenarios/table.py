"""The scenarios side by side: what plain Trivy says, and what Pushscan says."""

from collections.abc import Iterator
from pathlib import Path

from tests.scenarios.cases import SCENARIOS, Scenario
from tests.scenarios.judging import Played
from tests.scenarios.plain import run

HEAD = (
    "| image | `trivy image --severity HIGH,CRITICAL --exit-code 1` | Pushscan | it says | told |\n"
    "|---|---|---|---|---|"
)


def row(scenario: Scenario, played: Played, folder: Path) -> str:
    """Write the row of one scenario."""
    status, found = run(scenario, folder)
    verdict = played.report.verdict
    told = ", ".join(one.kind.value for one in played.told) or "nobody"
    plain = f"exit {status}: {found}"
    return (
        f"| {scenario.name}: {scenario.about} | {plain} | {verdict} | {verdict.explanation} |"
        f" {told} |"
    )


def rows_of(page: str) -> Iterator[str]:
    """Yield the rows that a page has of the scenarios."""
    names = {scenario.name for scenario in SCENARIOS}
    for line in page.splitlines():
        if line.startswith("| ") and line[2:].partition(":")[0] in names:
            yield line
