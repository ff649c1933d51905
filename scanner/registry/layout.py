"""Writes an OCI image layout (OCI image spec 1.1, image-layout): plain files, one image."""

import json
import os
from pathlib import Path

from scanner.model import Digest

_VERSION = {"imageLayoutVersion": "1.0.0"}


class LayoutWriter:
    """A layout in an empty folder; each blob's name is the digest it was verified by."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)

    def blob_path(self, digest: Digest) -> Path:
        """Return where a blob belongs. A digest is hex digits only, so this is inside."""
        return self._blobs / digest.hex

    def write_blob(self, digest: Digest, verified: bytes) -> None:
        """Write a small blob that has been verified."""
        _write_new(self.blob_path(digest), verified)

    def write_image(self, digest: Digest, manifest: bytes, *, media_type: str) -> None:
        """Write the one manifest and name it. Done last: without it there is no layout."""
        self.write_blob(digest, manifest)
        descriptor = {"mediaType": media_type, "digest": str(digest), "size": len(manifest)}
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [descriptor],
        }
        _write_new(self._folder / "oci-layout", json.dumps(_VERSION).encode())
        _write_new(self._folder / "index.json", json.dumps(index).encode())


def _write_new(path: Path, data: bytes) -> None:
    # O_EXCL: never follow or replace what somebody else has put there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
