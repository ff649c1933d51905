"""Inventories of layers in Blob Storage; which blob unpacks to which contents in Table Storage."""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from scanner.errors import InvalidMessageError, StoreError
from scanner.model import Digest, LayerInventory
from scanner.storage import StorageConnection
from scanner.storage.blobs import BlobFolder
from scanner.storage.rows import RowKey, RowTable
from scanner.store import inventory_json
from scanner.store.profiles import ProfileUses

logger = logging.getLogger(__name__)

INVENTORIES, LAYERS, PROFILES = "inventories", "layers", "profiles"
_PROFILE = re.compile(r"[0-9a-f]{64}")


class AzureInventoryStore:
    """The InventoryStore port on Azure Storage. Safe to use from several threads and processes.

    A blob is named by profile and diff_id and never changes: two workers on one layer write the
    same, and whoever comes second keeps what is there.
    """

    def __init__(
        self,
        blobs: BlobServiceClient,
        tables: TableServiceClient,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._inventories = BlobFolder(blobs.get_container_client(INVENTORIES))
        self._layers = RowTable(tables.get_table_client(LAYERS))
        self._uses = ProfileUses(RowTable(tables.get_table_client(PROFILES)), clock)

    @classmethod
    def connect(cls, storage: StorageConnection) -> Self:
        """Build the store; nothing is contacted before the first call."""
        return cls(storage.blob_service(), storage.table_service())

    def find(self, profile: str, diff_id: Digest) -> LayerInventory | None:
        """Return what this profile found in a layer, or None. Raises StoreError."""
        name = blob_name(profile, diff_id.hex)
        self._uses.note(profile)
        stored = self._inventories.read(name, max_bytes=inventory_json.MAX_STORED_BYTES)
        if stored is None:
            return None
        inventory = inventory_json.decode(stored)
        if inventory.diff_id != diff_id:
            raise StoreError(f"inventories.read: {diff_id} is that of another layer")
        return inventory

    def save(self, profile: str, inventory: LayerInventory) -> None:
        """Keep an inventory unless there is one. Raises StoreError."""
        name = blob_name(profile, inventory.diff_id.hex)
        document = inventory_json.encode(inventory)
        if self._inventories.create(name, document, content_type="application/zstd"):
            logger.info("inventory.stored name=%s bytes=%d", name, len(document))

    def unpacks_to(self, layer: Digest) -> Digest | None:
        """Return what a layer's blob was once seen to unpack to, or None. Raises StoreError."""
        row = self._layers.read(_layer_key(layer))
        if row is None:
            return None
        try:
            return Digest(str(row["diff_id"]))
        except (KeyError, InvalidMessageError) as error:
            raise StoreError(f"layers.read: the row of {layer} is not one of ours") from error

    def remember(self, layer: Digest, *, unpacks_to: Digest) -> None:
        """Keep what a layer's blob unpacks to, once both were verified. Raises StoreError."""
        self._layers.change(_layer_key(layer), lambda _: {"diff_id": str(unpacks_to)})


def blob_name(profile: str, diff_id: str) -> str:
    """Return the name of an inventory's blob; both are 64 hex digits."""
    if not _PROFILE.fullmatch(profile):
        raise ValueError("a profile is 64 hex digits")
    return f"{profile}/{diff_id}.json.zst"


def _layer_key(layer: Digest) -> RowKey:
    return RowKey(layer.hex[:2], layer.hex)
