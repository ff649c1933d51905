"""What `make bench` makes of its measurements."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from bench import __main__ as program
from bench.rounds import MeasurementError, in_turns, percentile
from bench.rows import Goal, Row, Subject, at_least, at_most, spell, table


def _row(*, ours: float = 6.0, peer: float | None = 4.0, goal: Goal | None = None) -> Row:
    return Row(name="Pull", unit="s", ours=ours, peer=peer, peer_name="plain GET", goal=goal)


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        pytest.param(at_most(1.4), False, id="above-the-most"),
        pytest.param(at_most(1.5), True, id="at-the-most"),
        pytest.param(at_least(1.6), False, id="below-the-least"),
        pytest.param(at_least(1.5), True, id="at-the-least"),
        pytest.param(at_most(5.9, Subject.OURS), False, id="ours-too-much"),
        pytest.param(at_most(6.0, Subject.OURS), True, id="ours-just-right"),
        pytest.param(None, None, id="no-goal"),
    ],
)
def test_a_goal_is_met_up_to_its_bound(goal: Goal | None, met: bool | None) -> None:
    """A goal is about the ratio or about our own number, and its bound belongs to it."""
    assert _row(goal=goal).met is met


@pytest.mark.parametrize("peer", [None, 0.0])
def test_a_ratio_goal_without_a_peer_is_not_met(peer: float | None) -> None:
    """What cannot be compared does not pass for met."""
    row = _row(peer=peer, goal=at_most(1.5))
    assert (row.ratio, row.met) == (None, False)


def test_a_goal_says_what_it_asks_for() -> None:
    """The table's column can be read without the source."""
    assert str(at_least(0.5)) == "ratio at least 0.5"
    assert str(at_most(250, Subject.OURS)) == "ours at most 250"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0.00"), (1.2345, "1.23"), (12.345, "12.3"), (123.45, "123"), (12345.6, "12,346")],
)
def test_numbers_are_shown_with_about_three_digits(number: float, text: str) -> None:
    """A table is for comparing; the exact numbers are in the file."""
    assert spell(number) == text


def test_the_table_shows_each_row_with_its_peer_and_goal() -> None:
    """Name, both numbers, ratio, peer, goal and whether it is met, on one line."""
    shown = Console(file=io.StringIO(), width=200)
    shown.print(table([_row(goal=at_most(1.2)), _row(ours=2.0, goal=at_most(1.2))], title="T"))
    assert isinstance(shown.file, io.StringIO)
    lines = [line for line in shown.file.getvalue().splitlines() if "Pull" in line]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert cells == [
        ["Pull", "6.00 s", "4.00 s", "1.50", "plain GET", "ratio at most 1.2", "no"],
        ["Pull", "2.00 s", "4.00 s", "0.50", "plain GET", "ratio at most 1.2", "yes"],
    ]


def test_the_file_has_every_row_with_the_numbers_as_measured() -> None:
    """All members of a row, unrounded, and when it was measured."""
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    written = json.loads(json.dumps(program.document([_row(goal=at_most(1.2))], now=now)))
    assert written["measured_at"] == "2026-11-22T12:00:00+00:00"
    assert written["rows"] == [
        {
            "name": "Pull",
            "unit": "s",
            "ours": 6.0,
            "peer": 4.0,
            "peer_name": "plain GET",
            "ratio": 1.5,
            "goal": "ratio at most 1.2",
            "met": False,
        }
    ]


def test_sides_are_measured_in_turns() -> None:
    """A B A B: a slow minute of the machine falls on both."""
    order: list[str] = []

    def side(name: str, number: int) -> str:
        order.append(f"{name}{number}")
        return order[-1]

    measured = in_turns(2, {"a": lambda n: side("a", n), "b": lambda n: side("b", n)})
    assert order == ["a0", "b0", "a1", "b1"]
    assert measured == {"a": ["a0", "a1"], "b": ["b0", "b1"]}


@pytest.mark.parametrize(("percent", "number"), [(50, 50), (99, 99), (100, 100), (0.1, 1)])
def test_a_percentile_is_one_of_the_numbers(percent: float, number: int) -> None:
    """Nearest rank: no number is made up between two that were measured."""
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == number


def _missed(_home: Path, _advisories: Path) -> list[Row]:
    return [_row(goal=at_most(1.2))]


def _broken(_home: Path, _advisories: Path) -> list[Row]:
    raise MeasurementError("nothing answers")


@pytest.mark.parametrize(
    ("names", "status", "rows"),
    [
        pytest.param(["missed"], 0, 1, id="a-missed-goal-is-shown-and-not-failed"),
        pytest.param(["broken", "missed"], 1, 1, id="the-others-count-when-one-cannot-be-measured"),
        pytest.param([], 1, 1, id="all-when-none-is-named"),
        pytest.param(["other"], 2, None, id="no-such-measurement"),
    ],
)
def test_the_exit_status_says_whether_all_was_measured(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    status: int,
    rows: int | None,
) -> None:
    """Only what could not be measured is a failure; the file has what could."""
    results = tmp_path / "results.json"
    monkeypatch.setattr(program, "RESULTS", results)
    monkeypatch.setattr(program, "MEASUREMENTS", {"broken": _broken, "missed": _missed})
    assert program.main(names) == status
    written = len(json.loads(results.read_bytes())["rows"]) if results.exists() else None
    assert written == rows
