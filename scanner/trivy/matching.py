"""Inventories + advisories -> what Trivy reports on the image, without one of its layers.

Trivy finds a record of every layer in its cache and opens none; the layout that it reads names them
and does not have them. Were a record missing, it would fail rather than report less.
"""

import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scanner.model import LayerInventory, ScanReport, Unexaminable
from scanner.sandbox import Exited
from scanner.trivy.analysis import Workbench
from scanner.trivy.fault import explain
from scanner.trivy.layout import write_layout
from scanner.trivy.record import write_records
from scanner.trivy.report import parse_report
from scanner.trivy.secret_search import keep
from scanner.trivy.unread import unread

logger = logging.getLogger(__name__)


def match(
    layers: Sequence[LayerInventory], bench: Workbench, *, scratch: Path
) -> ScanReport | Unexaminable:
    """Put the layers of an image together and look up its packages.

    Args:
        layers: Bottom first, as the image's config has them.
        bench: What Trivy needs; its databases are those that are looked into.
        scratch: Where temporary files may be made.

    Raises:
        AdvisoriesError: Trivy cannot use its databases.
        SandboxUnavailableError: no sandbox can be built, or the layout cannot be read in it.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="match-", dir=scratch) as folder:
        layout, cache_file = Path(folder, "image"), Path(folder, "cache.db")
        write_layout(layout, diff_ids=[layer.diff_id for layer in layers])
        write_records(cache_file, {layer.key: layer.untrusted_record for layer in layers})
        completed = bench.run(layout, cache_file)
    logger.info(
        "image.matched layers=%d exit=%s seconds=%.2f",
        len(layers),
        completed.exit,
        time.monotonic() - began,
    )
    if completed.exit != Exited(0):
        return explain(completed.exit, completed.untrusted_stderr)
    seen = parse_report(
        completed.untrusted_stdout,
        completed.untrusted_stderr,
        has_all_messages=len(completed.untrusted_stderr) < bench.limits.stderr_bytes,
    )
    if isinstance(seen, Unexaminable):
        return seen
    passed_over = (text for layer in layers for text in layer.unexamined)
    # Whoever can pull the image can pull each layer of it: what one above deletes is still there.
    secrets, left_out = keep(secret for layer in layers for secret in layer.secrets)
    return replace(seen, weaknesses=secrets).without(
        [*unread([layer.entries for layer in layers]), *passed_over, *left_out]
    )
