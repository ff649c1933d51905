import contextlib
import socket
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient, UpdateMode

from local.storage import ACCOUNT, PUBLIC_KEY, Azurite
from scanner.errors import StoreError
from scanner.model import Digest, Status
from scanner.ports import ReportStore
from scanner.storage import StorageConnection, rows
from scanner.store import azure_store, report_json
from scanner.store.azure_store import AzureReportStore
from tests.contracts.report_store_contract import ReportStoreContract
from tests.contracts.stored_reports import INDEX
from tests.examples import NOW
from tests.reports import healthy_report, unhealthy_report

pytestmark = pytest.mark.integration


class TestAzureReportStore(ReportStoreContract):
    """The real store keeps the contract on real Azurite."""

    @pytest.fixture(autouse=True)
    def _connected(self, azurite: Azurite) -> None:
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
