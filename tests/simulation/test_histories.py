import os
import random

import pytest

from tests.simulation.acts import acts
from tests.simulation.hearing import AUDIENCES, Hearing
from tests.simulation.histories import History

SEED = "HISTORY_SEED"
"""Names the environment variable that replays one history."""
_AT_ONCE = 250
_HISTORIES = {"short": 1_000, "full": 10_000}
"""By `--hostile`: in `make test`, and in `make fuzz`."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test a stretch of seeds, or the one seed that was asked for."""
    named = os.environ.get(SEED)
    count = _HISTORIES[metafunc.config.getoption("--hostile")]
    stretches = [range(at, at + _AT_ONCE) for at in range(0, count, _AT_ONCE)]
    if named:
        stretches = [range(int(named), int(named) + 1)]
    names = [f"{seeds.start}-{seeds.stop - 1}" for seeds in stretches]
    metafunc.parametrize("seeds", stretches, ids=names)


def test_people_hear_of_each_transition_once_and_of_nothing_else(seeds: range) -> None:
    """Whatever happens in whatever order, comes twice or late, or dies at whatever step."""
    told = 0
    for seed in seeds:
        history = History()
        for act in acts(random.Random(seed)):  # noqa: S311  it shall be foreseeable
            history.do(act)
        history.rest()
        faults = [fault for who in AUDIENCES for fault in Hearing(history, who).faults()]
        assert not faults, f"Replay: {SEED}={seed} pytest tests/simulation/test_histories.py"
        told += len(history.outbox.announced)
    # Histories in which nobody is told anything would prove nothing.
    assert told > len(seeds)
    print(f"seeds {seeds.start} to {seeds.stop - 1}: {told} told, 0 violations")  # noqa: T201  pytest shows it with -rP
