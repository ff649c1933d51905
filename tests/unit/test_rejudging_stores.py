import uuid

import pytest

from scanner.ports import ReportStore
from scanner.sweeping import ImageIndex, SweepStore
from tests.contracts.image_index_contract import ImageIndexContract
from tests.contracts.sweep_store_contract import SweepStoreContract
from tests.fakes import InMemoryReportStore, InMemorySweepStore


class TestInMemoryIndex(ImageIndexContract):
    """The fake keeps the contract."""

    @pytest.fixture(autouse=True)
    def _built(self) -> None:
        self._store = InMemoryReportStore()

    def store(self) -> ReportStore:
        """Return the one store."""
        return self._store

    def index(self) -> ImageIndex:
        """Return the same: it knows both."""
        return self._store

    def registry(self) -> str:
        """Return any name: nobody else is here."""
        return "own.azurecr.io"


class TestInMemorySweeps(SweepStoreContract):
    """The fake keeps the contract."""

    @pytest.fixture(autouse=True)
    def _built(self) -> None:
        self._store = InMemorySweepStore()
        self._name = uuid.uuid4().hex

    def store(self) -> SweepStore:
        """Return the one store."""
        return self._store

    def own_name(self) -> str:
        """Return a name of this test."""
        return self._name
