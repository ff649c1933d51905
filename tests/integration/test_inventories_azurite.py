import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from azure.data.tables import UpdateMode
from azure.storage.blob import BlobClient

from local.storage import Azurite
from scanner.errors import StoreError
from scanner.model import LayerInventory
from scanner.ports import InventoryStore
from scanner.storage import StorageConnection
from scanner.store import inventory_json
from scanner.store.azure_inventories import AzureInventoryStore
from tests.contracts.inventory_store_contract import InventoryStoreContract, digest_of

pytestmark = pytest.mark.integration


class TestAzureInventoryStore(InventoryStoreContract):
    """The real store keeps the contract on real Azurite."""

    @pytest.fixture(autouse=True)
    def _connected(self, azurite: Azurite) -> None:
        self._connection = StorageConnection(connection_string=azurite.connection_string)
        self._name = uuid.uuid4().hex

    def store(self) -> InventoryStore:
        """Return a store with clients of its own, as another process would have."""
        return AzureInventoryStore.connect(self._connection)

    def own_name(self) -> str:
        """Return a name that no test before has used."""
        return self._name

    def _blob(self, inventory: LayerInventory) -> BlobClient:
        return self._connection.blob_service().get_blob_client(
            "inventories", f"{self._profile}/{inventory.diff_id.hex}.json.zst"
        )

    @pytest.mark.parametrize("kept", [0, 10, -1])
    def test_a_cut_inventory_is_an_error_and_not_a_smaller_one(self, kept: int) -> None:
        """Packages would be missing from it."""
        inventory = self._inventory()
        self.store().save(self._profile, inventory)
        self._blob(inventory).upload_blob(inventory_json.encode(inventory)[:kept], overwrite=True)
        with pytest.raises(StoreError, match=r"^inventories\.read: "):
            self.store().find(self._profile, inventory.diff_id)

    def test_the_inventory_of_another_layer_is_an_error(self) -> None:
        """A blob that was copied to another name says nothing of that one."""
        inventory = self._inventory()
        self.store().save(self._profile, inventory)
        other = replace(inventory, diff_id=digest_of(f"{self._name} other"))
        self._blob(other).upload_blob(inventory_json.encode(inventory))
        with pytest.raises(StoreError, match="another layer"):
            self.store().find(self._profile, other.diff_id)

    def test_an_inventory_over_the_limit_is_neither_written_nor_read(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A maximum on every read, also of what we wrote ourselves."""
        inventory = self._inventory()
        self.store().save(self._profile, inventory)
        monkeypatch.setattr(inventory_json, "MAX_STORED_BYTES", 100)
        with pytest.raises(StoreError, match=r"inventories\.read: .* larger than 100 bytes"):
            self.store().find(self._profile, inventory.diff_id)
        with pytest.raises(StoreError, match=r"inventories\.write: "):
            self.store().save(self._profile, replace(inventory, diff_id=digest_of(self._name)))

    def test_a_foreign_row_is_an_error_and_not_a_known_layer(self) -> None:
        """Or a stranger's blob could pass for one that was verified."""
        blob = digest_of(f"{self._name} blob")
        self.store().remember(blob, unpacks_to=digest_of("contents"))
        rows_client = self._connection.table_service().get_table_client("layers")
        for row in ({"diff_id": "sha256:no"}, {"other": "sha256:" + "0" * 64}):
            entity = {"PartitionKey": blob.hex[:2], "RowKey": blob.hex, **row}
            rows_client.upsert_entity(entity, mode=UpdateMode.REPLACE)
            with pytest.raises(StoreError, match="not one of ours"):
                self.store().unpacks_to(blob)
        rows_client.delete_entity(blob.hex[:2], blob.hex)

    def test_workers_that_save_at_once_keep_one(self) -> None:
        """Each with clients of its own, the same layer at the same moment."""
        inventory = self._inventory()
        stores = [self.store() for _ in range(6)]
        with ThreadPoolExecutor(len(stores)) as threads:
            list(threads.map(lambda store: store.save(self._profile, inventory), stores))
        assert self.store().find(self._profile, inventory.diff_id) == inventory

    @pytest.mark.parametrize("profile", ["", "../reports", "A" * 64, "0" * 63, "0" * 64 + "\n"])
    def test_a_profile_never_shapes_a_name(self, profile: str) -> None:
        """It is 64 hex digits."""
        with pytest.raises(ValueError, match="64 hex digits"):
            self.store().find(profile, digest_of(self._name))
