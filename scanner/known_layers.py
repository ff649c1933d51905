"""Inventories that many images of a job share, each read once while there is room for it."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from scanner.model import Digest, LayerInventory
from scanner.ports import InventoryStore

_ROOM_BYTES = 64 << 20
"""Of records, which are nearly all that an inventory fills."""


@dataclass(slots=True)
class KnownLayers:
    """What one profile found in layers. Safe to use from several threads."""

    inventories: InventoryStore
    profile: str
    _at_hand: OrderedDict[Digest, LayerInventory] = field(default_factory=OrderedDict)
    """The one that was wanted last is the last."""
    _bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, diff_id: Digest) -> LayerInventory | None:
        """Return what is known of a layer, or None. Raises StoreError."""
        with self._lock:
            if found := self._at_hand.get(diff_id):
                self._at_hand.move_to_end(diff_id)
                return found
        inventory = self.inventories.find(self.profile, diff_id)
        if inventory is not None:
            self._keep(inventory)
        return inventory

    def _keep(self, inventory: LayerInventory) -> None:
        with self._lock:
            if inventory.diff_id in self._at_hand:
                return
            self._at_hand[inventory.diff_id] = inventory
            self._bytes += len(inventory.untrusted_record)
            while self._bytes > _ROOM_BYTES:
                _, oldest = self._at_hand.popitem(last=False)
                self._bytes -= len(oldest.untrusted_record)
