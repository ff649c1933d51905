import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.storage import Azurite
from scanner.errors import StoreError
from scanner.storage import StorageConnection
from scanner.storage.blobs import BlobFolder

pytestmark = pytest.mark.integration


class TestBlobFolder:
    """What the stores have in common."""

    @pytest.fixture
    def folder(self, azurite: Azurite) -> BlobFolder:
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
