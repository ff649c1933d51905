import os
from pathlib import Path

import pytest

from tests.simulation.storm import Storm, clean_run

SEED = "STORM_SEED"
"""Names the environment variable that replays one storm."""
PUSHES = 625
_STORMS = {"short": 8, "full": 200}
"""By `--hostile`: 5,000 pushes in `make test`, 125,000 in `make fuzz`."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each storm a seed, or the one seed that was asked for."""
    if "seed" in metafunc.fixturenames:
        named = os.environ.get(SEED)
        storms = range(_STORMS[metafunc.config.getoption("--hostile")])
        metafunc.parametrize("seed", [int(named)] if named else storms)


@pytest.mark.usefixtures("one_thread")
def test_after_a_storm_every_digest_has_the_verdict_of_a_clean_run(
    seed: int, tmp_path: Path
) -> None:
    """Whatever was lost, repeated, late, out of order, refused or killed, at whatever step."""
    storm = Storm.brew(seed, tmp_path / "stormy")
    try:
        storm.rage(PUSHES)
        storm.calm()
        clean = clean_run(storm, tmp_path / "clean")
        storm.check(clean)
    except AssertionError as error:
        error.add_note(f"Replay: {SEED}={seed} pytest {Path(__file__).name}")
        raise
    # A storm in which nothing went wrong would prove nothing.
    assert min(storm.world.perils.kills, storm.world.perils.faults, len(storm.deleted)) > 5
    clean.close()
    storm.world.close()


@pytest.mark.usefixtures("one_thread")
def test_a_seed_always_gives_the_same_storm(tmp_path: Path) -> None:
    """Otherwise a failure could not be replayed."""
    ends = []
    for place in ("first", "second"):
        storm = Storm.brew(7, tmp_path / place)
        storm.rage(100)
        storm.calm()
        perils, rows = storm.world.perils, list(storm.world.store.list_current())
        ends.append((storm.world.now(), perils.kills, perils.faults, rows, storm.world.told))
        storm.world.close()
    assert ends[0] == ends[1]
