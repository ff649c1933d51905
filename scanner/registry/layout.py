"""Writes an OCI image layout (OCI image spec 1.1, image-layout): plain files, one image.

Layers lie in it unpacked: they were unpacked to be verified, and a scanner that need not do it
again takes a tenth of the time and meets no decompression bomb.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from scanner.model import Digest

_VERSION = {"imageLayoutVersion": "1.0.0"}
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"

JsonObject = Mapping[str, object]


class LayoutWriter:
    """A layout in an empty folder; each blob's name is the digest of what is in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)

    def partial_path(self, digest: Digest) -> Path:
        """Return where a layer is unpacked to. A digest is hex digits only, so this is inside."""
        return self._blobs / f"{digest.hex}.partial"

    def keep_layer(self, partial: Path, diff_id: Digest) -> None:
        """Give a layer that has been unpacked and verified the name of its contents."""
        partial.replace(self._blob_path(diff_id))

    def free_bytes(self) -> int:
        """Return how much the disk can still take."""
        return shutil.disk_usage(self._folder).free

    def write_image(self, config: bytes, diff_ids: Sequence[Digest]) -> None:
        """Write config and manifest, and name the image. Done last: without it is no layout."""
        layers = [
            _descriptor(_LAYER, diff_id, self._blob_path(diff_id).stat().st_size)
            for diff_id in diff_ids
        ]
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._write_blob(_CONFIG, config),
            "layers": layers,
        }
        index = {
            "schemaVersion": 2,
            "mediaType": _INDEX,
            "manifests": [self._write_blob(_MANIFEST, json.dumps(manifest).encode())],
        }
        _write_new(self._folder / "oci-layout", json.dumps(_VERSION).encode())
        _write_new(self._folder / "index.json", json.dumps(index).encode())

    def _blob_path(self, digest: Digest) -> Path:
        return self._blobs / digest.hex

    def _write_blob(self, media_type: str, content: bytes) -> JsonObject:
        digest = Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")
        path = self._blob_path(digest)
        if not path.exists():
            # A layer may have the very contents of the config.
            _write_new(path, content)
        return _descriptor(media_type, digest, len(content))


def _descriptor(media_type: str, digest: Digest, size: int) -> JsonObject:
    return {"mediaType": media_type, "digest": str(digest), "size": size}


def _write_new(path: Path, data: bytes) -> None:
    # O_EXCL: never follow or replace what somebody else has put there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
