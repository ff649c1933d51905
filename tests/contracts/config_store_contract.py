"""What every InventoryStore does with configs; run on the fake and on the real one."""

from abc import ABC, abstractmethod

from scanner.model import Digest
from scanner.ports import InventoryStore


class ConfigStoreContract(ABC):
    """Subclasses say how to get a store and a name that no other test uses."""

    @abstractmethod
    def store(self) -> InventoryStore:
        """Return the store under test; each call within a test returns one on the same data."""

    @abstractmethod
    def own_name(self) -> str:
        """Return a name that belongs to this test alone."""

    def test_a_config_is_found_by_its_digest(self) -> None:
        """Byte for byte, however often it was saved."""
        config = self.own_name().encode()
        assert self.store().find_config(Digest.of(config)) is None
        self.store().save_config(config)
        self.store().save_config(config)
        assert self.store().find_config(Digest.of(config)) == config
