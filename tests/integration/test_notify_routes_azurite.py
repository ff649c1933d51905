import pytest
from azure.storage.blob import BlobServiceClient

from local.storage import Azurite
from scanner.errors import SettingsError
from scanner.notify.routes.kept import KeptRoutes
from scanner.route_settings import NoticeSettings, RouteSettings
from scanner.storage import StorageConnection
from scanner.storage.rows import RowKey, RowTable
from scanner.wiring.routes import route_table

pytestmark = pytest.mark.integration

FILE = b"version: 1\nroutes: [{name: chat, slack: {url: {setting: PUSHSCAN_ROUTE_URL}}}]"
SETTINGS = NoticeSettings(
    webhooks=(),
    route_file=RouteSettings(
        blob="routes.yaml", secrets={"PUSHSCAN_ROUTE_URL": "https://hooks.example/a"}
    ),
    ca_file=None,
    identity_client_id=None,
    in_azure=False,
)


def test_the_file_is_read_from_storage(azurite: Azurite) -> None:
    """And its absence, or that of its container, is the operator's to mend."""
    storage = StorageConnection(connection_string=azurite.connection_string)
    with pytest.raises(SettingsError, match=r"no blob routes\.yaml in container policies"):
        route_table(SETTINGS, lambda: storage)
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        container = blobs.create_container("policies")
        try:
            container.upload_blob("routes.yaml", FILE)
            [route] = route_table(SETTINGS, lambda: storage).routes
        finally:
            container.delete_container()
    assert route.name == "chat"


def test_a_fault_is_kept_beside_the_last_good_routes(azurite: Azurite) -> None:
    """Until they are kept anew, be it that there is no file any more; a row of before has none."""
    storage = StorageConnection(connection_string=azurite.connection_string)
    tables, blobs = storage.table_service(), storage.blob_service()
    rows = RowTable(tables.get_table_client("policies"))
    key = RowKey("routes", "in-force")
    kept = KeptRoutes(blobs, tables)
    rows.remove(key)
    try:
        kept.note_fault("routes.yaml:3: is wrong")
        assert (kept.fault(), kept.last()) == ("routes.yaml:3: is wrong", None)
        for _ in range(2):
            kept.keep(FILE)
            assert (kept.fault(), kept.last()) == ("", FILE)
        kept.note_fault("x" * 40_000)
        assert (kept.fault()[:2], kept.last()) == ("xx", FILE)
        kept.keep(b"")
        assert (kept.fault(), kept.last()) == ("", FILE)
        rows.change(key, lambda known: {"digest": known["digest"]} if known else None)
        assert kept.fault() == ""
    finally:
        rows.remove(key)
