"""Sweeps in memory."""

from scanner.sweeping import Inputs, Sweep


class InMemorySweepStore:
    """Sweeps by id."""

    def __init__(self) -> None:
        self.sweeps: dict[str, Sweep] = {}
        self.last: Inputs | None = None

    def find(self, sweep_id: str) -> Sweep | None:
        """Return what was saved first."""
        return self.sweeps.get(sweep_id)

    def save(self, sweep: Sweep) -> None:
        """Keep the first."""
        self.sweeps.setdefault(sweep.id, sweep)

    def inputs(self) -> Inputs | None:
        """Return what was noted last."""
        return self.last

    def set_inputs(self, inputs: Inputs) -> None:
        """Take a note, unless of older advisories."""
        if self.last is None or self.last.advisories_of <= inputs.advisories_of:
            self.last = inputs
