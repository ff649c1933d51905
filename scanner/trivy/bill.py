"""Inventories -> Trivy's CycloneDX bill of materials, without one of the image's layers."""

import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scanner.model import LayerInventory, Unexaminable
from scanner.sandbox import Exited
from scanner.trivy.analysis import Workbench
from scanner.trivy.fault import explain
from scanner.trivy.layout import write_layout
from scanner.trivy.record import write_records

logger = logging.getLogger(__name__)


def write_bill(
    layers: Sequence[LayerInventory], bench: Workbench, *, scratch: Path
) -> bytes | Unexaminable:
    """Put the layers of an image together and list its packages, as the scanner writes them.

    Arguments and errors are those of `matching.match`: were a record missing, Trivy would fail.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bill-", dir=scratch) as folder:
        layout, cache_file = Path(folder, "image"), Path(folder, "cache.db")
        write_layout(layout, diff_ids=[layer.diff_id for layer in layers])
        write_records(cache_file, {layer.key: layer.untrusted_record for layer in layers})
        completed = bench.run(layout, cache_file, form="cyclonedx")
    logger.info(
        "image.billed layers=%d exit=%s seconds=%.2f",
        len(layers),
        completed.exit,
        time.monotonic() - began,
    )
    if completed.exit != Exited(0):
        return explain(completed.exit, completed.untrusted_stderr)
    return completed.untrusted_stdout
