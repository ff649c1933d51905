"""Small images for the tests of the registry stand-in, pushed or written as an OCI layout."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.acr import RegistryClient

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallImage:
    """An image of one layer, complete in memory."""

    config: bytes
    layer: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        """The digest of the manifest."""
        return digest_of(self.manifest)

    def push(self, client: RegistryClient, repository: str, tag: str | None = None) -> str:
        """Push the blobs and the manifest; returns the digest."""
        for blob in (self.config, self.layer):
            client.push_blob(repository, blob)
        return client.push_manifest(repository, self.manifest, media_type=MANIFEST, tag=tag)


def digest_of(content: bytes) -> str:
    """Name content by its sha256."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(media_type: str, content: bytes, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Describe content for a manifest."""
    return {
        "mediaType": media_type,
        "digest": digest_of(content),
        "size": len(content),
        **members,
    }


def small_image(
    *,
    layer: bytes = b"layer" * 100,
    architecture: str = "amd64",
    **members: Any,  # noqa: ANN401 - JSON
) -> SmallImage:
    """Make an image; further members go into its manifest, e.g. a subject."""
    root = {"type": "layers", "diff_ids": [digest_of(layer)]}
    config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": root}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, config),
        "layers": [descriptor(LAYER, layer)],
        **members,
    }
    return SmallImage(config=config, layer=layer, manifest=json.dumps(manifest).encode())


def write_layout(directory: Path, *images: SmallImage) -> str:
    """Write an OCI layout: one image, or an index of several; returns the digest of its root."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    contents = [blob for image in images for blob in (image.config, image.layer, image.manifest)]
    root = descriptor(MANIFEST, images[0].manifest)
    if len(images) > 1:
        children = [
            descriptor(MANIFEST, image.manifest, platform=json.loads(image.config) | {"rootfs": {}})
            for image in images
        ]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": children}
        contents.append(json.dumps(index).encode())
        root = descriptor(INDEX, contents[-1])
    for content in contents:
        (blobs / digest_of(content).removeprefix("sha256:")).write_bytes(content)
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))
    return str(root["digest"])
