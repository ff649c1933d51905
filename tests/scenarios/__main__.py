"""`python -m tests.scenarios`: print the table, as docs/scenarios.md has it."""

import sys
import tempfile
from pathlib import Path

from tests.scenarios.cases import SCENARIOS
from tests.scenarios.judging import play
from tests.scenarios.table import HEAD, row

sys.stdout.write(f"{HEAD}\n")
for scenario in SCENARIOS:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ours").mkdir()
        played = play(scenario, Path(folder) / "ours")
        sys.stdout.write(f"{row(scenario, played, Path(folder))}\n")
