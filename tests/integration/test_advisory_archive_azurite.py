"""The archive of advisories on real Azurite."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError

from local.storage import Azurite
from scanner.advisory_ports import AdvisoryArchive
from scanner.errors import StoreError
from scanner.storage import StorageConnection
from scanner.store.advisory_archive import AzureAdvisoryArchive
from tests.contracts.advisory_archive_contract import AdvisoryArchiveContract

pytestmark = pytest.mark.integration


class TestAzureAdvisoryArchive(AdvisoryArchiveContract):
    """The real archive keeps the contract."""

    @pytest.fixture(autouse=True)
    def _empty(self, azurite: Azurite) -> Iterator[None]:
        self._connection = StorageConnection(connection_string=azurite.connection_string)
        empty_archive(self._connection)
        yield
        empty_archive(self._connection)

    def archive(self) -> AdvisoryArchive:
        """Return an archive with clients of its own, as another process would have."""
        return AzureAdvisoryArchive.connect(self._connection)

    def test_the_java_database_is_stored_once(self, tmp_path: Path) -> None:
        """It is the largest part and seldom changes."""
        self._publish(tmp_path, "one")
        before = self._blobs()
        self._publish(tmp_path, "two", hours=1)
        assert (len(before), len(self._blobs() - before)) == (3, 2)

    def test_another_blob_in_the_place_is_refused(self, tmp_path: Path) -> None:
        """Whoever swaps them changes no verdict unnoticed."""
        self._publish(tmp_path, "one")
        latest = self.archive().latest()
        assert latest is not None
        largest = max(latest.files, key=lambda file: file.size)
        container = self._connection.blob_service().get_container_client("advisories")
        container.upload_blob(
            f"{largest.packed_digest.hex}.zst", bytes(largest.packed_size), overwrite=True
        )
        (tmp_path / "new").mkdir()
        with pytest.raises(StoreError, match="cannot be unpacked"):
            self.archive().fetch(latest, into=tmp_path / "new")

    def _blobs(self) -> set[str]:
        container = self._connection.blob_service().get_container_client("advisories")
        return set(container.list_blob_names())


def empty_archive(connection: StorageConnection) -> None:
    """Forget what other tests on this Azurite have archived."""
    for name in ("current", "update"):
        with contextlib.suppress(ResourceNotFoundError):
            connection.table_service().get_table_client("advisories").delete_entity("shared", name)
    container = connection.blob_service().get_container_client("advisories")
    if container.exists():
        for blob in container.list_blob_names():
            container.delete_blob(blob)
