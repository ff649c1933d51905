"""What a worker examines and judges with, on ports of the test's own."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from scanner.examination import Examiner
from scanner.pipeline import Pipeline
from scanner.ports import ImageScanner, InventoryStore, Registry
from scanner.publishing import Publisher
from tests.fakes.ancestors import ancestries_of
from tests.fakes.stores import InMemoryReportStore


def examiner_on(
    registry: Registry, scanner: ImageScanner, inventories: InventoryStore, scratch: Path
) -> Examiner:
    """Return what examines images of this registry."""
    return Examiner(
        registry=registry,
        scanner=scanner,
        inventories=inventories,
        scratch=scratch,
        analyses_at_once=2,
    )


def pipeline_on(
    examiner: Examiner,
    store: InMemoryReportStore,
    publisher: Publisher,
    *,
    clock: Callable[[], datetime],
) -> Pipeline:
    """Return what judges pushes; where images come from is what this store knows."""
    return Pipeline(
        examiner=examiner, publisher=publisher, ancestries=ancestries_of(store), clock=clock
    )
