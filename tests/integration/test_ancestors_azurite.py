"""The real store keeps the contract on real Azurite."""

import uuid
from typing import Protocol

import pytest

from scanner.ports import Ancestors, ReportStore
from scanner.storage import StorageConnection
from scanner.store.ancestors import AzureAncestors, chain_ids
from scanner.store.azure_store import AzureReportStore
from tests.contracts.ancestors_contract import LAYERS, AncestorsContract

pytestmark = pytest.mark.integration


class RunningAzurite(Protocol):
    """What is needed of the fixture."""

    connection_string: str


class TestAzureAncestors(AncestorsContract):
    """On table `chains` and table `tags`."""

    @pytest.fixture(autouse=True)
    def _connected(self, azurite: RunningAzurite) -> None:
        self._connection = StorageConnection(connection_string=azurite.connection_string)
        self._registry = f"r{uuid.uuid4().hex}.azurecr.io"

    def ancestors(self) -> Ancestors:
        """Return a store with clients of its own, as another process would have."""
        return AzureAncestors.connect(self._connection)

    def reports(self) -> ReportStore:
        """Return what writes."""
        return AzureReportStore.connect(self._connection)

    def registry(self) -> str:
        """Return a name that no test before has used."""
        return self._registry


def test_chain_ids_are_those_of_the_specification() -> None:
    """ChainID(L0) = DiffID(L0); ChainID(L0|L1) = sha256(ChainID(L0) + " " + DiffID(L1))."""
    first, second = chain_ids(LAYERS[:2])
    assert first == "01" * 32
    assert second == "ad00036de6f26a309d173ace61d4a45573a1658ab0ff36e3858c3dbee3c5ded8"
