"""One layer -> its inventory: Trivy in a sandbox of its own, on an image of this layer alone.

Alone, because a layer that takes over the scanner could otherwise change what is recorded of the
layers beside it, and those are other images' too.
"""

import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scanner.layers import UnreadableArchiveError, entries
from scanner.model import Digest, LayerInventory, Unexaminable, UnknownReason
from scanner.model.findings import UNEXAMINED
from scanner.sandbox import Completed, Exited, Limits, Sandbox
from scanner.trivy import argv
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.fault import explain
from scanner.trivy.layout import one_layer_config, write_layout
from scanner.trivy.record import CACHE_FILE, UnfitRecordError, read_record
from scanner.trivy.report import parse_warnings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What every run of Trivy needs."""

    binary: TrivyBinary
    sandbox: Sandbox
    databases: Path
    """The directory with `db/` and `java-db/`."""
    limits: Limits

    def run(self, layout: Path, cache_file: Path) -> Completed:
        """Run Trivy on a layout, with a cache that it may write to.

        Raises:
            SandboxUnavailableError: no sandbox can be built.
        """
        return self.sandbox.run(
            self.binary.path,
            argv.scan(backend="fs"),
            read_only={
                f"/{argv.IMAGE}": layout,
                f"/{argv.CACHE}/db": self.databases / "db",
                f"/{argv.CACHE}/java-db": self.databases / "java-db",
            },
            writable={f"/{argv.CACHE}/{CACHE_FILE}": cache_file},
            environment=argv.environment(self.limits),
            limits=self.limits,
        )


def analyse(layer: Path, diff_id: Digest, bench: Workbench) -> LayerInventory | Unexaminable:
    """Examine an unpacked, verified layer.

    Args:
        layer: The layer's archive; its folder is used for temporary files.
        diff_id: What its contents hash to.
        bench: What Trivy needs.

    Raises:
        AdvisoriesError: Trivy cannot use its databases.
        SandboxUnavailableError: no sandbox can be built, or the layout cannot be read in it.
    """
    began = time.monotonic()
    try:
        listed = tuple(entries(layer))
    except UnreadableArchiveError as error:
        return Unexaminable(reason=UnknownReason.CORRUPT_LAYER, detail=str(error))
    with tempfile.TemporaryDirectory(prefix="layer-", dir=layer.parent) as folder:
        layout, cache_file = Path(folder, "image"), Path(folder, "cache.db")
        write_layout(
            layout,
            config=one_layer_config(diff_id),
            diff_ids=[diff_id],
            layers={diff_id: layer},
        )
        cache_file.touch()
        completed = bench.run(layout, cache_file)
        if completed.exit != Exited(0):
            return explain(completed.exit, completed.untrusted_stderr)
        try:
            key, record = read_record(cache_file, diff_id)
        except UnfitRecordError as error:
            return Unexaminable(reason=error.reason, detail=str(error))
    logger.info("layer.analysed diff_id=%s seconds=%.2f", diff_id, time.monotonic() - began)
    return LayerInventory(
        diff_id=diff_id,
        key=key,
        untrusted_record=record,
        unexamined=_unexamined(completed, bench.limits),
        entries=listed,
    )


def _unexamined(completed: Completed, limits: Limits) -> tuple[str, ...]:
    """Keep what is about the layer; what Trivy says of this image as a whole is about no image."""
    warnings = parse_warnings(
        completed.untrusted_stderr,
        is_all=len(completed.untrusted_stderr) < limits.stderr_bytes,
    )
    return tuple(text.removeprefix(UNEXAMINED) for text in warnings if text.startswith(UNEXAMINED))
