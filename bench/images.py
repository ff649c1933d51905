"""The images that are measured with, built once and kept in .local/bench."""

import hashlib
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any, Final

from local.samples.big import build_big
from local.samples.images import Kind, assemble
from local.samples.layers import Compression, LayerWriter, write_layer
from local.samples.layout import Descriptor, LayoutWriter

_MEGABYTE: Final = 1_000_000
_FILE_BYTES: Final = 1_000_000
_LAYERS: Final = 5
_SEVEN_SHARES: Final = (0.35, 0.2, 0.15, 0.1, 0.1, 0.06, 0.04)


def big(megabytes: int, home: Path) -> Path:
    """Return the layout of an image of about so many million bytes in gzip layers."""
    layout = home / f"big-{megabytes}"
    if not layout.exists():
        build_big(megabytes, home)
    return layout


def of_eight_layers(megabytes: int, home: Path) -> Path:
    """Return the layout of such an image in 8 layers, the lowest of them small."""
    layout = home / f"eight-{megabytes}"
    if not layout.exists():
        build_big(megabytes, home, name=layout.name, shares=_SEVEN_SHARES)
    return layout


def with_another_layer(base: Path, number: int, into: Path) -> Path:
    """Return the layout of an image with one small layer more; each number gives another one."""
    layout = into / f"{base.name}-and-{number}"
    shutil.copytree(base, layout, copy_function=os.link)
    blobs = layout / "blobs" / "sha256"
    manifest, config = _documents(base)
    chance = random.Random(number)  # noqa: S311 - a sample
    layer = write_layer(
        layout / "layer.partial",
        {f"srv/app/{number}.dat": chance.randbytes(_MEGABYTE)},
        Compression.GZIP,
    )
    (layout / "layer.partial").rename(blobs / layer.digest.removeprefix("sha256:"))
    config["rootfs"]["diff_ids"].append(layer.diff_id)
    config["history"].append({"created_by": "COPY app /srv/app"})
    manifest["layers"].append(
        {
            "mediaType": manifest["layers"][-1]["mediaType"],
            "digest": layer.digest,
            "size": layer.size,
        }
    )
    manifest["config"] |= _stored(blobs, config)
    named = json.loads((layout / "index.json").read_text())
    named["manifests"][0] |= _stored(blobs, manifest)
    (layout / "index.json").unlink()
    (layout / "index.json").write_text(json.dumps(named))
    return layout


def layer_sizes(layout: Path) -> dict[str, int]:
    """Return how many bytes each layer has as it is stored, by digest."""
    manifest, _ = _documents(layout)
    return {layer["digest"]: layer["size"] for layer in manifest["layers"]}


def _documents(layout: Path) -> tuple[Any, Any]:
    blobs = layout / "blobs" / "sha256"
    [named] = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads((blobs / named["digest"].removeprefix("sha256:")).read_text())
    digest = manifest["config"]["digest"].removeprefix("sha256:")
    return manifest, json.loads((blobs / digest).read_text())


def _stored(blobs: Path, document: object) -> dict[str, object]:
    content = json.dumps(document).encode()
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def unpacked(megabytes: int, home: Path) -> Path:
    """Return the layout of an image whose layers are plain tar archives: nothing to inflate."""
    layout = home / f"plain-{megabytes}"
    if not layout.exists():
        assemble(layout.name, home, Kind.IMAGE, lambda writer: _plain_layers(writer, megabytes))
    return layout


def _plain_layers(layout: LayoutWriter, megabytes: int) -> Descriptor:
    chance = random.Random(megabytes)  # noqa: S311 - the same bytes on each run is the point
    layers = []
    for layer in range(_LAYERS):
        with LayerWriter(layout.layer_path(), Compression.NONE) as writer:
            for number in range(megabytes * _MEGABYTE // _LAYERS // _FILE_BYTES):
                writer.add(f"srv/{layer}/{number:04}.dat", chance.randbytes(_FILE_BYTES))
        layers.append(layout.store_layer(writer.layer))
    return layout.add_image(layers)
