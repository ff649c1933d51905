"""The removal of old things on real Azurite: what the simulation only says that the services do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.storage import Azurite
from scanner.model import Digest, LayerInventory
from scanner.storage import StorageConnection
from scanner.storage.blobs import BlobFolder
from scanner.store.azure_inventories import AzureInventoryStore
from scanner.store.azure_store import AzureReportStore
from scanner.store.old_history import OldHistory
from scanner.store.old_inventories import OldInventories
from tests.reports import healthy_report

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
KEPT = 400 * DAY
OLD, NEW = "0" * 64, "1" * 64


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[StorageConnection]:
    """An account of this test's own: what is removed is all that is old in it."""
    with Azurite(tmp_path) as azurite:
        yield StorageConnection(connection_string=azurite.connection_string)


def test_nothing_is_removed_from_an_account_that_is_new(connection: StorageConnection) -> None:
    """No table and no container is there yet."""
    OldHistory.connect(connection, lambda: datetime.now(UTC)).remove(KEPT)
    OldInventories.connect(connection, lambda: datetime.now(UTC)).remove(NEW)


def test_superseded_examinations_go_with_their_reports(connection: StorageConnection) -> None:
    """What is in force stays, and another run finds nothing."""
    store, now = AzureReportStore.connect(connection), datetime.now(UTC)
    ids = [f"{number:064x}" for number in range(4)]
    for report_id, age in zip(ids, (900, 700, 500, 100), strict=True):
        moment = now - age * DAY
        report = replace(healthy_report(), id=report_id, as_of=moment, finished_at=moment)
        store.save(report)
    for _ in range(2):
        OldHistory.connect(connection, lambda: now + 2 * DAY).remove(KEPT)
        history = [past.report_id for past in store.history(healthy_report().image)]
        assert history == [ids[3], ids[2]]
        there = [store.find_report(report_id) is not None for report_id in ids]
        assert there == [False, False, True, True]


def test_a_report_that_was_touched_since_is_not_removed(connection: StorageConnection) -> None:
    """The service compares the stamps itself."""
    folder = BlobFolder(connection.blob_service().get_container_client("reports"))
    folder.create("a.json", b"{}", content_type="application/json")
    seen = folder.stamp("a.json")
    assert seen is not None
    assert folder.touch("a.json")
    assert not folder.remove("a.json", unchanged_since=seen)
    assert folder.has("a.json")
    assert folder.remove("a.json", unchanged_since=folder.stamp("a.json"))
    assert not folder.has("a.json")
    assert not folder.touch("a.json")
    assert not folder.remove("a.json")


def test_a_profile_that_nobody_uses_goes(connection: StorageConnection) -> None:
    """With its layers; that of another version stays."""
    now = datetime.now(UTC)
    for profile, numbers, moment in ((OLD, (1, 2), now - 31 * DAY), (NEW, (2, 3), now)):
        store = AzureInventoryStore(
            connection.blob_service(),
            connection.table_service(),
            lambda moment=moment: moment,  # type: ignore[misc]
        )
        for number in numbers:
            layer = _inventory(number)
            store.find(profile, layer.diff_id)
            store.remember(layer.diff_id, unpacks_to=layer.diff_id)
            store.save(profile, layer)
    OldInventories.connect(connection, lambda: now).remove(NEW)
    store = AzureInventoryStore.connect(connection)
    layers = [_inventory(number).diff_id for number in (1, 2, 3)]
    assert [store.find(OLD, layer) is not None for layer in layers] == [False, False, False]
    assert [store.find(NEW, layer) is not None for layer in layers] == [False, True, True]
    assert [store.unpacks_to(layer) is not None for layer in layers] == [False, True, True]


def _inventory(number: int) -> LayerInventory:
    return LayerInventory(
        diff_id=Digest.of(f"{number}".encode()),
        key=f"sha256:{number:064x}",
        untrusted_record=b"{}",
        unexamined=(),
        entries=(),
    )
