import pytest

from scanner.ports import ReportStore
from tests.contracts.report_store_contract import ReportStoreContract
from tests.fakes import InMemoryReportStore


class TestInMemoryReportStore(ReportStoreContract):
    """The fake keeps the contract, so tests that use it mean something."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._store = InMemoryReportStore()

    def store(self) -> ReportStore:
        """Return the one store of this test."""
        return self._store

    def registry(self) -> str:
        """Return any name: nobody else sees this store."""
        return "contoso.azurecr.io"
