import uuid
from typing import Protocol

import pytest

from scanner.ports import StreamStore
from scanner.storage import StorageConnection
from scanner.store.azure_streams import TableStreams
from tests.contracts.stream_store_contract import StreamStoreContract

pytestmark = pytest.mark.integration


class RunningAzurite(Protocol):
    """What is needed of the fixture."""

    connection_string: str


class TestTableStreams(StreamStoreContract):
    """The real one keeps the contract."""

    @pytest.fixture(autouse=True)
    def _connected(self, azurite: RunningAzurite) -> None:
        self._connection = StorageConnection(connection_string=azurite.connection_string)
        self._registry = f"r{uuid.uuid4().hex}.azurecr.io"

    def store(self) -> StreamStore:
        """Return a store as another worker would have it."""
        return TableStreams.connect(self._connection)

    def registry(self) -> str:
        """Return this test's own, since the table is shared."""
        return self._registry
