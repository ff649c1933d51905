"""Images made from others: the next build of an application, most of whose layers are known."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.samples.layers import Compression, write_layer


def on_top(base: Path, files: Mapping[str, bytes], *, into: Path) -> Path:
    """Write the layout of an image that is another one with a layer of these files on it.

    Args:
        base: Layout of the other image; its blobs are linked, not copied.
        files: What the layer holds.
        into: Folder to make.

    Returns:
        That folder.
    """
    shutil.copytree(base, into, copy_function=os.link)
    blobs = into / "blobs" / "sha256"
    manifest, config = _documents(base)
    layer = write_layer(into / "layer.partial", files, Compression.GZIP)
    (into / "layer.partial").rename(blobs / layer.digest.removeprefix("sha256:"))
    config["rootfs"]["diff_ids"].append(layer.diff_id)
    config["history"].append({"created_by": "COPY app /"})
    manifest["layers"].append(
        {
            "mediaType": manifest["layers"][-1]["mediaType"],
            "digest": layer.digest,
            "size": layer.size,
        }
    )
    manifest["config"] |= _stored(blobs, config)
    index = json.loads((into / "index.json").read_text())
    index["manifests"][0] |= _stored(blobs, manifest)
    # Unlinked first, for it is the other image's too.
    (into / "index.json").unlink()
    (into / "index.json").write_text(json.dumps(index))
    return into


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
