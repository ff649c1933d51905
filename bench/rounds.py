"""Repeats in turns, because what else the machine does changes from minute to minute."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Measured = TypeVar("Measured")


class MeasurementError(Exception):
    """Raised when something did not happen as it must for its measurement to mean anything."""


def in_turns(
    rounds: int, sides: Mapping[str, Callable[[int], Measured]]
) -> dict[str, list[Measured]]:
    """Measure A B A B, not A A B B; each side is told the number of the round, from 0."""
    measured: dict[str, list[Measured]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, measure in sides.items():
            measured[name].append(measure(number))
    return measured


def percentile(numbers: Sequence[float], percent: float) -> float:
    """Return the smallest number that so many per cent do not exceed (nearest rank)."""
    rank = math.ceil(len(numbers) * percent / 100)
    return sorted(numbers)[max(rank, 1) - 1]
