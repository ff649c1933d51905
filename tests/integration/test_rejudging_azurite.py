import uuid
from typing import Protocol

import pytest

from scanner.ports import ReportStore
from scanner.storage import StorageConnection
from scanner.storage.rows import RowKey, RowTable
from scanner.store.azure_lookups import AzureImageIndex
from scanner.store.azure_store import AzureReportStore
from scanner.store.azure_sweeps import AzureSweepStore
from scanner.sweeping import ImageIndex, SweepStore
from tests.contracts.image_index_contract import ImageIndexContract
from tests.contracts.sweep_store_contract import SweepStoreContract

pytestmark = pytest.mark.integration


class RunningAzurite(Protocol):
    """What is needed of the fixture."""

    connection_string: str


class TestAzureImageIndex(ImageIndexContract):
    """The real index keeps the contract on real Azurite."""

    @pytest.fixture(autouse=True)
    def _connected(self, azurite: RunningAzurite) -> None:
        self._connection = StorageConnection(connection_string=azurite.connection_string)
        self._registry = f"r{uuid.uuid4().hex}.azurecr.io"

    def store(self) -> ReportStore:
        """Return a store with clients of its own, as another process would have."""
        return AzureReportStore.connect(self._connection)

    def index(self) -> ImageIndex:
        """Return an index with clients of its own."""
        return AzureImageIndex.connect(self._connection)

    def registry(self) -> str:
        """Return a name that no test before has used."""
        return self._registry


class TestAzureSweeps(SweepStoreContract):
    """The real store keeps the contract on real Azurite."""

    @pytest.fixture(autouse=True)
    def _connected(self, azurite: RunningAzurite) -> None:
        self._connection = StorageConnection(connection_string=azurite.connection_string)
        self._name = uuid.uuid4().hex
        # The one row that all share, which keeps the newest of what any test has noted.
        noted = RowTable(self._connection.table_service().get_table_client("sweeps"))
        noted.remove(RowKey("sweeps", "last"))

    def store(self) -> SweepStore:
        """Return a store with clients of its own."""
        return AzureSweepStore.connect(self._connection)

    def own_name(self) -> str:
        """Return a name that no test before has used."""
        return self._name
