"""Kusto queries over log lines, as far as `infra/` asks: which lines does a query count?

What cannot make a line match (summarize, project, order, take) is passed over; a step that this
does not know is refused, so that a new query is not taken for one that works.
"""

import re
from collections.abc import Mapping, Sequence

_PASSED_OVER = ("summarize ", "project ", "order by ", "take ")
_LITERAL = r"'[^']*'|\"[^\"]*\""
_OPERATORS = {">": lambda a, b: a > b, "==": lambda a, b: a == b}


def matching(query: str, lines: Sequence[str]) -> list[dict[str, str]]:
    """Return the columns of each line of `traces` that the query lets through.

    Source: "Kusto Query Language" reference, Microsoft Learn: startswith, has, parse, where.
    """
    source, *steps = (step.strip() for step in re.split(r"\s*[|\n]+\s*", query))
    assert source == "traces", source
    rows = [{"message": line} for line in lines]
    for step in steps:
        rows = _after(step, rows)
    return rows


def _after(step: str, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    if step.startswith(_PASSED_OVER):
        return rows
    if step.startswith("where "):
        return [row for row in rows if _holds(step.removeprefix("where "), row)]
    assert step.startswith("parse message with "), step
    return [row | _parsed(step.removeprefix("parse message with "), row["message"]) for row in rows]


def _holds(condition: str, row: Mapping[str, str]) -> bool:
    condition = re.sub(r"\(([^()]*)\)", lambda inner: str(_holds(inner[1], row)), condition)
    if " or " in condition and " and " not in condition:
        return any(_holds(one, row) for one in condition.split(" or "))
    if " and " in condition:
        return all(_holds(one, row) for one in condition.split(" and "))
    if condition in {"True", "False"}:
        return condition == "True"
    column, operator, value = condition.split(maxsplit=2)
    held = row.get(column, "")
    text = value.strip("'\"")
    if operator == "startswith":
        return held.casefold().startswith(text.casefold())
    if operator == "has":
        # Whole terms: what stands on both sides is no letter or digit.
        return bool(re.search(rf"(?i)(?<![a-z0-9]){re.escape(text)}(?![a-z0-9])", held))
    return bool(held) and _OPERATORS[operator](int(held), int(value))


def _parsed(pattern: str, message: str) -> dict[str, str]:
    """Read columns as `parse` does: text between literals; a line that does not fit has none."""
    expression = ""
    for word in re.findall(rf"{_LITERAL}|\*|\w+(?::\w+)?", pattern):
        if word == "*":
            expression += ".*?"
        elif word[0] in "'\"":
            expression += re.escape(word[1:-1])
        else:
            name, _, kind = word.partition(":")
            expression += rf"(?P<{name}>-?\d+)" if kind == "long" else rf"(?P<{name}>.*?)"
    found = re.fullmatch(expression, message, re.DOTALL)
    return found.groupdict() if found else {}
