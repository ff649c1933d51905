"""One image -> what is in it: new layers pulled and analysed side by side, then all matched.

A layer that was analysed before is neither pulled nor opened. It counts as known only if this very
blob was once seen to unpack to this very diff_id: what a config claims is no proof.
"""

import logging
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scanner.model import (
    Advisories,
    Digest,
    LayerInventory,
    ScanReport,
    Unexaminable,
    UnknownReason,
)
from scanner.ports import ImageScanner, InventoryStore, Layer, PullPlan, Registry, ResolvedImage

logger = logging.getLogger(__name__)

MAX_ENTRIES = 1_000_000
"""Of all layers of an image together; a layer that is there twice counts once."""
MAX_RECORD_BYTES = 256 << 20
"""Likewise."""
_LOOKS_AT_ONCE = 8
"""Each for one row of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What an image consists of, and what was seen in it."""

    diff_ids: tuple[Digest, ...]
    """Of its layers, bottom first, each verified; none where they were not pulled, or too large."""
    seen: ScanReport | Unexaminable


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Joins the side that pulls and the side that opens. Safe to use from several threads."""

    registry: Registry
    scanner: ImageScanner
    inventories: InventoryStore
    scratch: Path
    """Where layers are unpacked for the time of one examination; needs room for the largest."""
    analyses_at_once: int
    """Each may use all that the limits of a scan allow."""

    def examine(self, image: ResolvedImage, *, advisories: Advisories) -> Examination:
        """Examine one platform's image against these advisories.

        Raises RegistryError, SandboxUnavailableError, AdvisoriesError or StoreError for our own
        faults. What was found out about layers by then is kept.
        """
        plan = self.registry.plan(image)
        if isinstance(plan, Unexaminable):
            return Examination(diff_ids=(), seen=plan)
        analysis = _Analysis(self, advisories)
        fault = self._find_out(image, plan, analysis)
        if fault:
            return Examination(diff_ids=(), seen=fault)
        # With the inventories it is all that judging the image again will need.
        seen = self._match(plan, analysis)
        is_too_large = isinstance(seen, Unexaminable) and seen.reason is UnknownReason.TOO_LARGE
        # Whoever judges it again must not try to hold what has no room in a worker.
        return Examination(diff_ids=() if is_too_large else plan.diff_ids, seen=seen)

    def _find_out(
        self, image: ResolvedImage, plan: PullPlan, analysis: "_Analysis"
    ) -> Unexaminable | None:
        """Come to know all layers: what is new is pulled while what is kept is read."""
        with ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="look") as threads:
            is_seen = list(threads.map(analysis.is_seen, plan.layers))
        seen = [layer for layer, known in zip(plan.layers, is_seen, strict=True) if known]
        new = [layer for layer, known in zip(plan.layers, is_seen, strict=True) if not known]
        # One at a time: an inventory may be large, and those of new layers come in meanwhile.
        with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
            reading = reader.submit(analysis.read, seen)
            fault = self._analyse(image, new, analysis)
            forgotten = reading.result()
        logger.info(
            "image.planned image=%s layers=%d new=%d new_bytes=%d",
            image.reference,
            len(plan.layers),
            len(new) + len(forgotten),
            sum(layer.size for layer in (*new, *forgotten)),
        )
        # What another scanner knew of them is no use.
        return fault or self._analyse(image, forgotten, analysis)

    def _analyse(
        self, image: ResolvedImage, missing: Sequence[Layer], analysis: "_Analysis"
    ) -> Unexaminable | None:
        if not missing:
            return None
        with (
            tempfile.TemporaryDirectory(prefix="layers-", dir=self.scratch) as folder,
            ThreadPoolExecutor(self.analyses_at_once, thread_name_prefix="analyse") as threads,
        ):
            try:
                fault = self.registry.pull(
                    image,
                    missing,
                    into=Path(folder),
                    done=lambda layer, path: analysis.start(layer, path, threads),
                )
                if fault is None:
                    analysis.finish()
            finally:
                # After a fault nobody waits for layers whose analysis has not begun.
                threads.shutdown(cancel_futures=True)
        return fault

    def _match(self, plan: PullPlan, analysis: "_Analysis") -> ScanReport | Unexaminable:
        layers = []
        for diff_id in plan.diff_ids:
            found = analysis.found[diff_id]
            if isinstance(found, Unexaminable):
                return found
            layers.append(found)
        return self.scanner.match(layers, advisories=analysis.advisories)


class _Analysis:
    """What is known of the layers of one image; grows while they come in."""

    def __init__(self, examiner: Examiner, advisories: Advisories) -> None:
        self.advisories = advisories
        self.found: dict[Digest, LayerInventory | Unexaminable] = {}
        self._scanner, self._inventories = examiner.scanner, examiner.inventories
        self._profile = self._scanner.profile(advisories)
        self._running: dict[Digest, Future[LayerInventory | Unexaminable]] = {}
        self._entries = self._record_bytes = 0
        self._starting, self._counting = threading.Lock(), threading.Lock()

    def is_seen(self, layer: Layer) -> bool:
        """Say whether a layer's very blob was once seen to unpack to what the config claims."""
        return self._inventories.unpacks_to(layer.digest) == layer.diff_id

    def read(self, layers: Sequence[Layer]) -> list[Layer]:
        """Take what is known of layers; return those of which nothing is."""
        unknown = []
        for layer in layers:
            inventory = self._inventories.find(self._profile, layer.diff_id)
            if inventory is None:
                unknown.append(layer)
            else:
                self.found[layer.diff_id] = self._if_room(inventory)
        return unknown

    def start(self, layer: Layer, path: Path, threads: ThreadPoolExecutor) -> None:
        """Analyse a layer that has come in; one of equal contents only once."""
        with self._starting:
            if layer.diff_id not in self._running:
                self._running[layer.diff_id] = threads.submit(self._find_out, layer.diff_id, path)
        self._inventories.remember(layer.digest, unpacks_to=layer.diff_id)

    def finish(self) -> None:
        """Wait for what was started. Raises what an analysis has raised."""
        for diff_id, future in self._running.items():
            self.found[diff_id] = future.result()

    def _find_out(self, diff_id: Digest, path: Path) -> LayerInventory | Unexaminable:
        try:
            # It may be known from another blob with the same contents.
            known = self._inventories.find(self._profile, diff_id)
            found = known or self._scanner.analyse(path, diff_id, advisories=self.advisories)
        finally:
            path.unlink(missing_ok=True)
        if isinstance(found, Unexaminable):
            return found
        if known is None:
            self._inventories.save(self._profile, found)
        return self._if_room(found)

    def _if_room(self, inventory: LayerInventory) -> LayerInventory | Unexaminable:
        """Let go of what is more than the layers of one image may fill of the worker's memory."""
        with self._counting:
            self._entries += len(inventory.entries)
            self._record_bytes += len(inventory.untrusted_record)
            has_room = self._entries <= MAX_ENTRIES and self._record_bytes <= MAX_RECORD_BYTES
        if has_room:
            return inventory
        detail = f"the image has more than {MAX_ENTRIES} files, or too many packages"
        return Unexaminable(reason=UnknownReason.TOO_LARGE, detail=detail)
