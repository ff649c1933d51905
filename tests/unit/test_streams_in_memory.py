import pytest

from scanner.ports import StreamStore
from tests.contracts.stream_store_contract import StreamStoreContract
from tests.examples import REGISTRY
from tests.fakes import InMemoryStreams


class TestInMemoryStreams(StreamStoreContract):
    """The fake keeps the contract, so tests that use it mean something."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._store = InMemoryStreams()

    def store(self) -> StreamStore:
        """Return the one store of this test."""
        return self._store

    def registry(self) -> str:
        """Return any: the store is this test's own."""
        return REGISTRY
