"""One layer -> its inventory: Trivy in a sandbox of its own, on an image of this layer alone.

Alone, because a layer that takes over the scanner could otherwise change what is recorded of the
layers beside it, and those are other images' too.
"""

import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scanner.layers import Entry, UnreadableArchiveError, entries, hide_large_binaries
from scanner.model import Digest, LayerInventory, Unexaminable, UnknownReason, Weakness
from scanner.sandbox import Completed, Exited, Limits, Sandbox
from scanner.trivy import argv
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.fault import explain
from scanner.trivy.layout import write_layout
from scanner.trivy.messages import unread_in_layer
from scanner.trivy.record import CACHE_FILE, UnfitRecordError, read_record
from scanner.trivy.secret_search import find_secrets, keep

logger = logging.getLogger(__name__)

FORM = 2
"""Of what is kept of a layer. A change to it, or to what is read out of Trivy's messages, counts it
up: then all layers are analysed anew."""
MAX_ENTRIES = 1_000_000
"""As many as a whole image may have."""
_MAX_NAME_CHARACTERS = 64 << 20
"""Of all names and links together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What every run of Trivy needs."""

    binary: TrivyBinary
    sandbox: Sandbox
    databases: Path
    """The directory with `db/` and `java-db/`."""
    limits: Limits

    def run(
        self, layout: Path, cache_file: Path, *, form: Literal["json", "cyclonedx"] = "json"
    ) -> Completed:
        """Run Trivy on a layout, with a cache that it may write to.

        Raises:
            SandboxUnavailableError: no sandbox can be built.
        """
        return self.sandbox.run(
            self.binary.path,
            argv.scan(backend="fs", form=form),
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
        layer: The layer's archive, which is not the same afterwards: large binary files in it are
            hidden before secrets are looked for. Its folder is used for temporary files.
        diff_id: What its contents hash to.
        bench: What Trivy needs.

    Raises:
        AdvisoriesError: Trivy cannot use its databases.
        SandboxUnavailableError: no sandbox can be built, or the layout cannot be read in it.
    """
    began = time.monotonic()
    try:
        listed = _listed(layer)
    except UnreadableArchiveError as error:
        return Unexaminable(reason=UnknownReason.CORRUPT_LAYER, detail=str(error))
    if listed is None:
        detail = f"the layer has more than {MAX_ENTRIES} entries, or their names are too long"
        return Unexaminable(reason=UnknownReason.TOO_LARGE, detail=detail)
    with tempfile.TemporaryDirectory(prefix="layer-", dir=layer.parent) as folder:
        layout, cache_file = Path(folder, "image"), Path(folder, "cache.db")
        write_layout(
            layout,
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
        found = _secrets(layer, layout, diff_id, bench)
        if isinstance(found, Unexaminable):
            return found
    secrets, left_out = keep(found)
    logger.info("layer.analysed diff_id=%s seconds=%.2f", diff_id, time.monotonic() - began)
    return LayerInventory(
        diff_id=diff_id,
        key=key,
        untrusted_record=record,
        unexamined=(
            *unread_in_layer(
                completed.untrusted_stderr,
                is_all=len(completed.untrusted_stderr) < bench.limits.stderr_bytes,
            ),
            *left_out,
        ),
        secrets=secrets,
        entries=listed,
    )


def _secrets(
    layer: Path, layout: Path, diff_id: Digest, bench: Workbench
) -> frozenset[Weakness] | Unexaminable:
    try:
        hide_large_binaries(layer)
    except UnreadableArchiveError as error:
        return Unexaminable(reason=UnknownReason.CORRUPT_LAYER, detail=str(error))
    return find_secrets(layout, diff_id, bench.binary, bench.sandbox, bench.limits)


def _listed(layer: Path) -> tuple[Entry, ...] | None:
    """List a layer's archive; None for more than can be kept."""
    listed: list[Entry] = []
    characters = 0
    for entry in entries(layer):
        listed.append(entry)
        characters += len(entry.name) + len(entry.link)
        if len(listed) > MAX_ENTRIES or characters > _MAX_NAME_CHARACTERS:
            return None
    return tuple(listed)
