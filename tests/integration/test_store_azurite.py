import contextlib
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient, UpdateMode
from azure.storage.blob import BlobClient

from local.storage import ACCOUNT, PUBLIC_KEY
from scanner.errors import StoreError
from scanner.model import Digest, LayerInventory, Status
from scanner.ports import InventoryStore, ReportStore
from scanner.storage import StorageConnection, rows
from scanner.storage.blobs import BlobFolder
from scanner.store import azure_store, inventory_json, report_json
from scanner.store.azure_inventories import AzureInventoryStore
from scanner.store.azure_store import AzureReportStore
from tests.contracts.inventory_store_contract import InventoryStoreContract, digest_of
from tests.contracts.report_store_contract import INDEX, ReportStoreContract
from tests.examples import NOW
from tests.reports import healthy_report, unhealthy_report

pytestmark = pytest.mark.integration


class RunningAzurite(Protocol):
    """What is needed of the fixture."""

    connection_string: str


class TestAzureReportStore(ReportStoreContract):
    """The real store keeps the contract on real Azurite."""

    @pytest.fixture(autouse=True)
    def _connected(self, azurite: RunningAzurite) -> None:
        self._connection = StorageConnection(connection_string=azurite.connection_string)
        self._registry = f"r{uuid.uuid4().hex}.azurecr.io"

    def store(self) -> ReportStore:
        """Return a store with clients of its own, as another process would have."""
        return AzureReportStore.connect(self._connection)

    def registry(self) -> str:
        """Return a name that no test before has used."""
        return self._registry

    def _tables(self) -> TableServiceClient:
        return self._connection.table_service()

    def test_a_crash_before_the_rows_is_repaired_by_saving_again(self) -> None:
        """The report is there, the row is not; the queue repeats."""
        report = self._own(unhealthy_report())
        blobs = self._connection.blob_service().get_container_client("reports")
        with contextlib.suppress(ResourceExistsError):
            blobs.create_container()
        blobs.upload_blob(f"{report.id}.json", report_json.encode(report))
        assert self.store().current(report.image) is None
        assert self.store().save(report).report_id == report.id
        assert self.store().find_report(report.id) == report

    def test_a_crash_before_the_tag_is_repaired_by_saving_again(self) -> None:
        """The image's row is there, the tag's is not."""
        report = self._own(unhealthy_report())
        self.store().save(report)
        image = report.image
        key = f"{image.registry}|shop|cart"
        self._tables().get_table_client("tags").delete_entity(key, "v7")
        assert self.store().resolve_tag(image.registry, image.repository, "v7") is None
        self.store().save(report)
        assert self.store().resolve_tag(image.registry, image.repository, "v7") == image.digest

    def _history_rows(self) -> list[dict[str, object]]:
        rows = self._tables().get_table_client("history")
        mine = f"PartitionKey gt '{self._registry}|' and PartitionKey lt '{self._registry}~'"
        return [{**row, "etag": row.metadata["etag"]} for row in rows.query_entities(mine)]

    def test_the_history_is_written_before_the_row(self) -> None:
        """Whoever dies between the two leaves an examination that a repeat notes only once."""
        report = self._own(unhealthy_report())
        self.store().save(report)
        before = self._history_rows()
        key = (f"{report.image.registry}|shop|cart", str(report.image.digest))
        self._tables().get_table_client("images").delete_entity(*key)
        assert self.store().current(report.image) is None
        assert [past.report_id for past in self.store().history(report.image)] == [report.id]
        self.store().save(report)
        assert self.store().current(report.image) is not None
        assert self._history_rows() == before
        assert len(before) == 1

    def test_the_history_goes_over_many_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A page holds 1,000 rows at most in Azure; here two, and two at one moment."""
        monkeypatch.setattr(rows, "_ROWS_PER_PAGE", 2)
        moments = [NOW + timedelta(minutes=minute) for minute in (0, 1, 1, 2, 3)]
        reports = [
            self._own(unhealthy_report(as_of=moment, seed=seed))
            for seed, moment in enumerate(moments)
        ]
        for report in reports:
            self.store().save(report)
        expected = sorted(reports, key=lambda report: (report.as_of, report.id), reverse=True)
        history = self.store().history(reports[0].image)
        assert [past.report_id for past in history] == [report.id for report in expected]

    def test_a_foreign_row_in_the_history_is_an_error(self) -> None:
        """It is not passed over: something else may be missing as well."""
        report = self._own(unhealthy_report())
        self.store().save(report)
        [row] = self._history_rows()
        self._tables().get_table_client("history").upsert_entity(
            {"PartitionKey": row["PartitionKey"], "RowKey": row["RowKey"], "status": "fine"},
            mode=UpdateMode.REPLACE,
        )
        with pytest.raises(StoreError, match="not one of ours"):
            list(self.store().history(report.image))

    def test_a_repeat_writes_nothing(self) -> None:
        """The row's ETag is that of the first save: 50 deliveries are no load."""
        report = self._own(unhealthy_report())
        self.store().save(report, part_of=INDEX)
        rows = self._tables().get_table_client("images")
        key = (f"{report.image.registry}|shop|cart", str(report.image.digest))
        before = rows.get_entity(*key).metadata["etag"]
        self.store().save(report)
        assert rows.get_entity(*key).metadata["etag"] == before

    def test_the_list_goes_over_many_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A page holds 1,000 rows at most in Azure; here two."""
        monkeypatch.setattr(rows, "_ROWS_PER_PAGE", 2)
        report = self._own(unhealthy_report())
        for number in range(7):
            image = replace(report.image, digest=Digest(f"sha256:{number:064x}"))
            self.store().save(replace(report, image=image))
        found = [
            current.image.digest.hex[-1]
            for current in self.store().list_current(status=Status.UNHEALTHY)
            if current.image.registry == self._registry
        ]
        assert found == list("0123456")

    def test_a_report_over_the_limit_is_neither_written_nor_read(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A maximum on every read, also of what we wrote ourselves."""
        report = self._own(unhealthy_report())
        self.store().save(report)
        monkeypatch.setattr(azure_store, "MAX_REPORT_BYTES", 1000)
        with pytest.raises(StoreError, match=r"reports\.read: .* larger than 1000 bytes"):
            self.store().find_report(report.id)
        with pytest.raises(StoreError, match=r"reports\.write: .* larger than 1000 bytes"):
            self.store().save(self._own(unhealthy_report(seed=9)))

    def test_a_foreign_blob_or_row_is_an_error_and_not_a_verdict(self) -> None:
        """Whoever can write there cannot make an image healthy by accident."""
        report = self._own(healthy_report())
        self.store().save(report)
        blobs = self._connection.blob_service().get_container_client("reports")
        blobs.upload_blob(f"{report.id}.json", b"{}", overwrite=True)
        with pytest.raises(StoreError, match="is not pushscan"):
            self.store().find_report(report.id)
        rows_client = self._tables().get_table_client("images")
        rows_client.upsert_entity(
            {
                "PartitionKey": f"{self._registry}|shop|cart",
                "RowKey": str(report.image.digest),
                "status": "fine",
            },
            mode=UpdateMode.REPLACE,
        )
        with pytest.raises(StoreError, match="not one of ours"):
            self.store().current(report.image)
        rows_client.delete_entity(f"{self._registry}|shop|cart", str(report.image.digest))


class TestAzureInventoryStore(InventoryStoreContract):
    """The real store keeps the contract on real Azurite."""

    @pytest.fixture(autouse=True)
    def _connected(self, azurite: RunningAzurite) -> None:
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


class TestBlobFolder:
    """What the stores have in common."""

    @pytest.fixture
    def folder(self, azurite: RunningAzurite) -> BlobFolder:
        """Name a container that is not there yet."""
        connection = StorageConnection(connection_string=azurite.connection_string)
        name = f"c{uuid.uuid4().hex}"
        return BlobFolder(connection.blob_service().get_container_client(name))

    def test_the_first_content_stays(self, folder: BlobFolder) -> None:
        """Whoever comes second is told so; the container is made when it is missing."""
        assert folder.read("x", max_bytes=9) is None
        assert folder.create("x", b"first", content_type="text/plain", metadata={"why": "y"})
        assert not folder.create("x", b"second", content_type="text/plain")
        assert folder.read("x", max_bytes=9) == b"first"
        blob = folder.container.get_blob_client("x").get_blob_properties()
        assert blob.content_settings.content_type == "text/plain"
        assert blob.metadata == {"why": "y"}

    def test_a_maximum_holds_to_the_byte(self, folder: BlobFolder) -> None:
        """As much as may be, and one more. Nothing at all is an error: no document is empty."""
        folder.create("empty", b"", content_type="text/plain")
        with pytest.raises(StoreError, match="INVALID_RANGE"):
            folder.read("empty", max_bytes=10)
        folder.create("full", bytes(10), content_type="text/plain")
        assert folder.read("full", max_bytes=10) == bytes(10)
        with pytest.raises(StoreError, match=r"^c[0-9a-f]+\.read: full is larger than 9 bytes$"):
            folder.read("full", max_bytes=9)

    def test_many_find_the_container_missing_at_once(self, folder: BlobFolder) -> None:
        """One makes it, all write."""
        names = [f"blob-{number}" for number in range(6)]
        with ThreadPoolExecutor(len(names)) as threads:
            written = threads.map(
                lambda name: folder.create(name, b"x", content_type="text/plain"), names
            )
            assert all(written)
        assert {blob.name for blob in folder.container.list_blobs()} == set(names)


@pytest.mark.parametrize("report_id", ["", "../x", "a/b", "x" * 129, "a\n", "a.json?sig=x", "é"])
def test_an_id_that_is_no_name_finds_nothing_and_asks_nobody(report_id: str) -> None:
    """Ids come from a queue: they never shape a URL."""
    assert _out_of_reach().find_report(report_id) is None


def test_storage_out_of_reach_is_one_error_in_time() -> None:
    """Whatever the SDK raises; and the message holds no key and no URL."""
    report = unhealthy_report()
    for call in (
        lambda: _out_of_reach().save(report),
        lambda: _out_of_reach().current(report.image),
        lambda: list(_out_of_reach().list_current()),
    ):
        with pytest.raises(StoreError) as caught:
            call()
        assert "http" not in str(caught.value)
        assert "devstoreaccount1" not in str(caught.value)


def _out_of_reach() -> AzureReportStore:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/{ACCOUNT}"
    return AzureReportStore.connect(
        StorageConnection(
            connection_string=f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};"
            f"AccountKey={PUBLIC_KEY};BlobEndpoint={url};TableEndpoint={url};"
        )
    )
