"""The fake keeps the contract, and its report store is the one that is written to."""

import pytest

from scanner.ports import Ancestors, ReportStore
from tests.contracts.ancestors_contract import AncestorsContract
from tests.fakes.ancestors import InMemoryAncestors
from tests.fakes.stores import InMemoryReportStore


class TestInMemoryAncestors(AncestorsContract):
    """On what was saved."""

    @pytest.fixture(autouse=True)
    def _made(self) -> None:
        self._reports = InMemoryReportStore()

    def ancestors(self) -> Ancestors:
        """Return the fake."""
        return InMemoryAncestors(self._reports.saved)

    def reports(self) -> ReportStore:
        """Return what it reads from."""
        return self._reports

    def registry(self) -> str:
        """Return a name; each test has a store of its own."""
        return "contoso.azurecr.io"
