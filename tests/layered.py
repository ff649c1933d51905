"""An image on disk, examined as the product does: each layer alone, then all matched."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scanner.model import Advisories, Digest, LayerInventory, ScanReport, Unexaminable
from scanner.registry.inflate import Inflater
from scanner.trivy import TrivyScanner

Analyse = Callable[[Path, Digest], LayerInventory | Unexaminable]


def scan(
    scanner: TrivyScanner, layout: Path, *, advisories: Advisories | None = None
) -> ScanReport | Unexaminable:
    """Examine the one image of an OCI layout, with the current advisories if none are given."""
    pinned = advisories or scanner.advisories()
    layers = inventories(
        layout, lambda layer, diff_id: scanner.analyse(layer, diff_id, advisories=pinned)
    )
    if isinstance(layers, Unexaminable):
        return layers
    return scanner.match(layers, advisories=pinned)


def inventories(layout: Path, analyse: Analyse) -> Sequence[LayerInventory] | Unexaminable:
    """Analyse each layer of a layout's image, every one in a folder of its own; bottom first."""
    config, layers = read_layout(layout)
    found: dict[Digest, LayerInventory] = {}
    diff_ids = [Digest(diff_id) for diff_id in json.loads(config)["rootfs"]["diff_ids"]]
    for diff_id, packed in zip(diff_ids, layers, strict=True):
        if diff_id in found:
            continue
        with tempfile.TemporaryDirectory(prefix="layered-") as folder:
            plain = Path(folder, "layer")
            plain.write_bytes(_unpacked(packed))
            inventory = analyse(plain, diff_id)
        if isinstance(inventory, Unexaminable):
            return inventory
        found[diff_id] = inventory
    return [found[diff_id] for diff_id in diff_ids]


def read_layout(layout: Path) -> tuple[bytes, Sequence[bytes]]:
    """Return the config and the packed layers of a layout's image."""
    blobs = layout / "blobs" / "sha256"

    def blob(descriptor: dict[str, Any]) -> bytes:
        digest: str = descriptor["digest"]
        return (blobs / digest.removeprefix("sha256:")).read_bytes()

    [named] = json.loads((layout / "index.json").read_bytes())["manifests"]
    manifest = json.loads(blob(named))
    return blob(manifest["config"]), [blob(layer) for layer in manifest["layers"]]


def _unpacked(packed: bytes) -> bytes:
    inflater = Inflater()
    return b"".join((*inflater.feed(packed), *inflater.finish()))
