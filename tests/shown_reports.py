"""Reports in a store for commands to show."""

from scanner.model import Report
from tests.fakes import InMemoryReportStore

NAME = "contoso.azurecr.io/shop/cart:v7"


def store_of(*reports: Report) -> InMemoryReportStore:
    """Return a store with these reports."""
    store = InMemoryReportStore()
    for report in reports:
        store.save(report)
    return store
