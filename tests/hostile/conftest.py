"""Print what came of each attack, as a table, whatever process ran it."""

import pytest

CELL = "hostile-cell"
"""A test's property: (table, row, column, text)."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Put the cells of all tests together."""
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if not isinstance(report, pytest.TestReport) or report.when != "call":
                continue
            for name, value in report.user_properties:
                if name == CELL and isinstance(value, list | tuple):
                    table, row, column, text = map(str, value)
                    tables.setdefault(table, {}).setdefault(row, {})[column] = text
    for table, rows in tables.items():
        columns = sorted({column for row in rows.values() for column in row})
        width = max(map(len, rows))
        terminalreporter.section(table)
        for row, cells in {"": {c: c for c in columns}, **dict(sorted(rows.items()))}.items():
            shown = [f"{cells.get(column, '-'):36}" for column in columns]
            terminalreporter.write_line(f"{row:{width}}  {'  '.join(shown)}".rstrip())
