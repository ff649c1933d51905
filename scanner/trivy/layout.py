"""OCI image layouts for Trivy to read (OCI image spec 1.1, image-layout): plain files, one image.

Layers lie in them unpacked, because they were unpacked to be verified: a scanner that need not do
it again takes a tenth of the time and meets no decompression bomb.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from scanner.model import Digest

_VERSION = {"imageLayoutVersion": "1.0.0"}
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def write_layout(
    folder: Path,
    *,
    diff_ids: Sequence[Digest],
    layers: Mapping[Digest, Path] | None = None,
) -> None:
    """Write the layout of one image into a new folder.

    Args:
        folder: Is made.
        diff_ids: Those of its layers, bottom first. Its config names them and nothing else: what a
            stranger wrote into the real one is no business of the scanner's.
        layers: Unpacked layers to put into it, as hard links. Others are named and are not there:
            Trivy does not ask for what it has a record of.

    Raises:
        OSError: it cannot be written; layers are on another file system.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    present = layers or {}
    for diff_id, layer in present.items():
        (blobs / diff_id.hex).hardlink_to(layer)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _write_blob(blobs, _CONFIG, _bare_config(diff_ids)),
        "layers": [
            _descriptor(_LAYER, diff_id, present[diff_id].stat().st_size if present else 0)
            for diff_id in diff_ids
        ],
    }
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [_write_blob(blobs, _MANIFEST, json.dumps(manifest).encode())],
    }
    _write_new(folder / "oci-layout", json.dumps(_VERSION).encode())
    _write_new(folder / "index.json", json.dumps(index).encode())


def _bare_config(diff_ids: Sequence[Digest]) -> bytes:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": list(map(str, diff_ids))},
    }
    return json.dumps(config, separators=(",", ":")).encode()


def _write_blob(blobs: Path, media_type: str, content: bytes) -> Mapping[str, object]:
    digest = Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")
    path = blobs / digest.hex
    if not path.exists():
        # A layer may have the very contents of the config.
        _write_new(path, content)
    return _descriptor(media_type, digest, len(content))


def _descriptor(media_type: str, digest: Digest, size: int) -> Mapping[str, object]:
    return {"mediaType": media_type, "digest": str(digest), "size": size}


def _write_new(path: Path, data: bytes) -> None:
    # O_EXCL: never follow or replace what somebody else has put there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
