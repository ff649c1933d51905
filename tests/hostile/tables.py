"""The two tables of this suite, put together from what tests report, whatever process ran them.

Attacks x sandboxes, and hostile inputs x verdicts. A plain run of the tests prints the counts;
with `--hostile=full` both tables are printed, and a row that differs or is missing fails the run.
"""

import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import pytest
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.hostile.inputs import ELSEWHERE, INPUTS

_CELL = "hostile-cell"
"""Name of a test's property with one cell. It travels from xdist's workers in their reports."""
BACKENDS = ("bubblewrap", "landlock", "landlock in a container")
Property = tuple[str, object]


def attack_cell(attack: str, backend: str, text: str, *, is_contained: bool) -> Property:
    """Tell what came of an attack, for `record_property`."""
    return _CELL, ("attack", attack, backend, text, is_contained)


def input_cell(name: str, ids: tuple[str, ...], required: str, came: str) -> Property:
    """Tell what was said of an input, for `record_property`."""
    return _CELL, ("input", name, list(ids), required, came)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    name: str
    required: str
    came: str

    @property
    def holds(self) -> bool:
        return self.required == self.came


@dataclass(slots=True, eq=False)
class Tables:
    """A pytest plugin that collects the cells, and prints them in the end."""

    is_full: bool
    attacks: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    inputs: dict[str, list[_Row]] = field(default_factory=lambda: defaultdict(list))
    elsewhere: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the cells out of a report, and note how a test went that covers an input."""
        cells = [value for name, value in report.user_properties if name == _CELL]
        if report.when == "call":
            for cell in cells:
                self._take(cell)
        test = report.nodeid.partition("[")[0]
        if test in ELSEWHERE and not cells and (report.when == "call" or not report.passed):
            self.elsewhere[test].append(report.outcome)

    def _take(self, value: Any) -> None:  # noqa: ANN401 - a tuple, or a list that came by xdist
        kind, name, where, *rest = value
        if kind == "attack":
            self.attacks.setdefault(name, {})[where] = (rest[0], rest[1])
            return
        for key in where or [""]:
            self.inputs[key].append(_Row(name=name, required=rest[0], came=rest[1]))

    def faults(self) -> list[str]:
        """Name every cell that is not as it must be, or is not there."""
        lost = [
            f"{attack} in {backend}: {text}"
            for attack, cells in self.attacks.items()
            for backend in BACKENDS
            for text, is_contained in [cells.get(backend, ("was not tried", False))]
            if not is_contained
        ]
        rows = self._rows()
        lied = [f"{row.name}: {row.came}" for row in self._all(rows) if not row.holds]
        missing = [f"{key}: was not tried" for key in INPUTS if not rows[key]]
        return [*lost, *lied, *missing, *([] if self.attacks else ["no attack was tried"])]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the counts, and in a full run the tables and what is wrong in them."""
        if not (self.is_full or self.attacks or self.inputs):
            return
        terminalreporter.section("hostile programs and inputs")
        if self.is_full:
            for table in (self._attack_table(), self._input_table()):
                terminalreporter.write(_drawn(table, in_colour=terminalreporter.hasmarkup))
            for fault in self.faults():
                terminalreporter.write_line(f"NOT AS REQUIRED: {fault}", red=True)
        for line in self._counts():
            terminalreporter.write_line(line)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a full run in which anything differs or was left out."""
        is_worker = hasattr(session.config, "workerinput")
        if self.is_full and not is_worker and not session.config.option.collectonly:
            has_passed = session.exitstatus == pytest.ExitCode.OK
            if has_passed and self.faults():
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _counts(self) -> list[str]:
        told = []
        for backend in BACKENDS:
            cells = [row[backend] for row in self.attacks.values() if backend in row]
            if cells:
                held = sum(is_contained for _, is_contained in cells)
                told.append(f"attacks in {backend}: {held} of {len(cells)} contained")
        rows = self._rows()
        tried = [key for key in INPUTS if rows[key]]
        all_rows = self._all(rows)
        if all_rows:
            held = sum(row.holds for row in all_rows)
            told.append(
                f"hostile inputs: {held} of {len(all_rows)} cases as required; "
                f"{len(tried)} of {len(INPUTS)} kinds of input tried"
            )
        return told

    def _rows(self) -> dict[str, list[_Row]]:
        """Put what other tests show beside the images, by input."""
        rows = {key: list(self.inputs.get(key, ())) for key in ("", *INPUTS)}
        for test, keys in ELSEWHERE.items():
            outcomes = self.elsewhere.get(test, [])
            if not outcomes:
                continue
            passed = outcomes.count("passed")
            row = _Row(
                name=test.rpartition("::")[2].removeprefix("test_").replace("_", " "),
                required=f"{len(outcomes)} passed",
                came=f"{passed} passed",
            )
            for key in keys:
                rows[key].append(row)
        return rows

    def _all(self, rows: dict[str, list[_Row]]) -> list[_Row]:
        """Return each row once: some show several kinds of input."""
        return list({row.name: row for some in rows.values() for row in some}.values())

    def _attack_table(self) -> Table:
        table = _table("Attacks", "attack", *BACKENDS)
        for attack, cells in sorted(self.attacks.items()):
            shown = [cells.get(backend, ("was not tried", False)) for backend in BACKENDS]
            table.add_row(Text(attack), *(_shown(text, is_good=good) for text, good in shown))
        return table

    def _input_table(self) -> Table:
        table = _table("Inputs", "", "input", "image or test", "required", "came")
        for key, rows in self._rows().items():
            for number, row in enumerate(rows):
                head = (key, INPUTS.get(key, "nothing wrong with it")) if number == 0 else ("", "")
                table.add_row(
                    *map(Text, head),
                    Text(row.name),
                    Text(row.required),
                    _shown(row.came, is_good=row.holds),
                )
        return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold" if column else "ignore", no_wrap=not column)
    return table


def _shown(text: str, *, is_good: bool) -> Text:
    return Text(text if is_good else f"✗ {text}", style="green" if is_good else "bold red")


def _drawn(table: Table, *, in_colour: bool) -> str:
    console = Console(
        file=StringIO(),
        width=max(shutil.get_terminal_size((140, 50)).columns, 100),
        force_terminal=in_colour,
        no_color=not in_colour,
    )
    with console.capture() as captured:
        console.print(table)
    return captured.get()
