"""Small images, made in memory."""

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

from tests.registry_server import State

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(content: bytes) -> str:
    """Return `sha256:...` of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tar_of(**files: bytes) -> bytes:
    """Return a tar archive of the files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def descriptor(content: bytes, media_type: str, **more: object) -> dict[str, Any]:
    """Describe some bytes."""
    digest = digest_of(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)} | more


def config_of(*plain_layers: bytes, **more: object) -> bytes:
    """Return an image config that names the layers' contents."""
    rootfs = {"type": "layers", "diff_ids": [digest_of(layer) for layer in plain_layers]}
    return json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs} | more).encode()


def manifest_of(config: bytes, *layers: bytes, **more: object) -> dict[str, Any]:
    """Return an image manifest as an object to bend."""
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, OCI_CONFIG),
        "layers": [descriptor(layer, OCI_LAYER) for layer in layers],
    } | more


def add_image(state: State, *plain_layers: bytes) -> str:
    """Put a gzipped image into the registry and return its manifest's digest."""
    layers = [gzip.compress(plain, mtime=0) for plain in plain_layers]
    config = config_of(*plain_layers)
    for blob in (config, *layers):
        state.add_blob(blob)
    return state.add_manifest(manifest_of(config, *layers), OCI_MANIFEST)
