import pytest
from azure.storage.blob import BlobServiceClient

from local.storage import Azurite
from scanner.errors import SettingsError
from scanner.route_settings import NoticeSettings, RouteSettings
from scanner.storage import StorageConnection
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
