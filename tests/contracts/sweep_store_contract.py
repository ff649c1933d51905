"""What every SweepStore does; run on the fake and on the real one."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta

from scanner.model import Digest
from scanner.sweeping import Inputs, Sweep, SweepStore
from tests.examples import NOW
from tests.policies import APPLIED

INPUTS = Inputs(
    policy=APPLIED,
    advisories=Digest("sha256:" + "ad" * 32),
    advisories_of=NOW,
    began_at=NOW,
)


class SweepStoreContract(ABC):
    """Subclasses say how to get a store and a name that no other test uses."""

    @abstractmethod
    def store(self) -> SweepStore:
        """Return the store under test; each call within a test returns one on the same data."""

    @abstractmethod
    def own_name(self) -> str:
        """Return a name that belongs to this test alone."""

    def _sweep(self) -> Sweep:
        name = hashlib.sha256(self.own_name().encode()).hexdigest()[:32]
        return Sweep(id=name, since=NOW, keys=frozenset({1, 2**32 - 1}), base=INPUTS)

    def test_a_sweep_is_found_as_it_was_saved(self) -> None:
        """The first of an id stays."""
        sweep = self._sweep()
        assert self.store().find(sweep.id) is None
        self.store().save(sweep)
        self.store().save(replace(sweep, keys=None))
        assert self.store().find(sweep.id) == sweep

    def test_a_sweep_over_all_images_is_one_without_keys(self) -> None:
        """Which is not the same as one with none."""
        sweep = replace(self._sweep(), since=None, keys=None, base=None, may_be_older=True)
        self.store().save(sweep)
        assert self.store().find(sweep.id) == sweep

    def test_what_the_last_sweep_was_for_is_noted(self) -> None:
        """There is one note for all."""
        self.store().set_inputs(INPUTS)
        newer = replace(INPUTS, policy=replace(APPLIED, name=self.own_name()))
        self.store().set_inputs(newer)
        assert self.store().inputs() == newer

    def test_older_advisories_are_not_noted(self) -> None:
        """A worker that is behind must not have all images judged by them again."""
        self.store().set_inputs(INPUTS)
        earlier = INPUTS.advisories_of - timedelta(hours=1)
        self.store().set_inputs(replace(INPUTS, advisories_of=earlier))
        assert self.store().inputs() == INPUTS
