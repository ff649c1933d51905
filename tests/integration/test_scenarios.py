"""Twelve images judged on real parts: what is said of each is reviewed text.

`WRITE_GOLDENS=1` writes it anew; read each file before you commit it.
"""

import os
from pathlib import Path

import pytest

from scanner.model import Status
from tests.scenarios.cases import SCENARIOS, Scenario
from tests.scenarios.judging import Played, play, written
from tests.scenarios.table import row, rows_of

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
GOLDENS = Path(__file__).parents[1] / "scenarios" / "goldens"
PAGE = ROOT / "docs" / "scenarios.md"


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda scenario: scenario.name)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    """Return each scenario in turn."""
    given: Scenario = request.param
    return given


@pytest.fixture(scope="module")
def played(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Return what became of it."""
    return play(scenario, tmp_path_factory.mktemp(scenario.name))


def test_what_is_said_reads_as_reviewed(scenario: Scenario, played: Played) -> None:
    """Verdict, rule, explanation, decisions, remedies, and the message for each channel."""
    path = GOLDENS / f"{scenario.name}.txt"
    text = written(scenario, played)
    if os.environ.get("WRITE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_the_page_says_what_both_say(scenario: Scenario, played: Played, tmp_path: Path) -> None:
    """The table of docs/scenarios.md is what `python -m tests.scenarios` prints."""
    assert row(scenario, played, tmp_path) in list(rows_of(PAGE.read_text(encoding="utf-8")))


def test_what_would_mend_it_is_told_of_what_is_unhealthy(played: Played) -> None:
    """Nobody is left with a verdict and nothing to do."""
    has_remedies = any(part.remedies for part in played.parts)
    assert has_remedies is (played.report.verdict.status is Status.UNHEALTHY)


def test_no_golden_is_left_over() -> None:
    """A file that no test compares with would be read for nothing."""
    assert {path.stem for path in GOLDENS.iterdir()} == {one.name for one in SCENARIOS}
