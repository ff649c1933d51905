"""Writes OCI layouts: blobs by digest, manifests, indexes.

Format source: OCI image specification 1.1 ("Image Layout", "Image Manifest", "Image Index", "Image
Configuration"); Docker image manifest version 2, schema 2, for what the Docker engine pushes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.samples.layers import Compression, Layer, write_layer

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_CREATED: Final = "2026-11-01T00:00:00Z"

JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a manifest says of a blob or of another manifest."""

    media_type: str
    digest: str
    size: int
    annotations: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return it in the form of the OCI "Content Descriptors" section."""
        document: dict[str, object] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFormat:
    """The media types that one kind of client gives the parts of an image."""

    manifest: str
    config: str
    layers: Mapping[Compression, str]


OCI: Final = ImageFormat(
    manifest=OCI_MANIFEST,
    config=OCI_CONFIG,
    layers={compression: compression.media_type for compression in Compression},
)
DOCKER: Final = ImageFormat(
    manifest="application/vnd.docker.distribution.manifest.v2+json",
    config="application/vnd.docker.container.image.v1+json",
    layers={Compression.GZIP: "application/vnd.docker.image.rootfs.diff.tar.gzip"},
)


class LayoutWriter:
    """Fills a new folder with the blobs of one layout; `finish` names its root."""

    def __init__(self, directory: Path) -> None:
        """Make the folder, which must not be there yet."""
        self.directory = directory
        self._blobs = directory / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)

    def layer_path(self) -> Path:
        """Return a file name to write a layer to before its digest is known."""
        return self.directory / "layer.partial"

    def add_blob(
        self, content: bytes, media_type: str, annotations: Mapping[str, str] | None = None
    ) -> Descriptor:
        """Store bytes under their digest."""
        digest = hashlib.sha256(content).hexdigest()
        (self._blobs / digest).write_bytes(content)
        return Descriptor(
            media_type=media_type,
            digest=f"sha256:{digest}",
            size=len(content),
            annotations=tuple((annotations or {}).items()),
        )

    def add_json(self, document: JsonObject, media_type: str) -> Descriptor:
        """Store a document in the compact form that clients push."""
        return self.add_blob(json.dumps(document, separators=(",", ":")).encode(), media_type)

    def add_layer(
        self, files: Mapping[str, bytes], compression: Compression = Compression.GZIP
    ) -> Layer:
        """Write files as a layer and store it."""
        return self.store_layer(write_layer(self.layer_path(), files, compression))

    def store_layer(self, layer: Layer) -> Layer:
        """Put the layer written at `layer_path` under its digest."""
        self.layer_path().replace(self._blobs / layer.digest.removeprefix("sha256:"))
        return layer

    def add_image(
        self,
        layers: Sequence[Layer],
        *,
        architecture: str = "amd64",
        image_format: ImageFormat = OCI,
    ) -> Descriptor:
        """Store config and manifest of an image made of these layers, bottom first."""
        config = {
            "architecture": architecture,
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Cmd": ["bash"],
            },
            "created": _CREATED,
            "history": [
                {"created": _CREATED, "created_by": "COPY / # buildkit", "comment": "sample"}
                for _ in layers
            ],
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
        return self.add_manifest(
            self.add_json(config, image_format.config),
            [
                Descriptor(
                    media_type=image_format.layers[layer.compression],
                    digest=layer.digest,
                    size=layer.size,
                )
                for layer in layers
            ],
            media_type=image_format.manifest,
        )

    def add_manifest(
        self,
        config: Descriptor,
        layers: Sequence[Descriptor],
        *,
        media_type: str = OCI_MANIFEST,
        extra: JsonObject | None = None,
    ) -> Descriptor:
        """Store a manifest; `extra` holds members such as `subject` and `artifactType`."""
        document = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
            **(extra or {}),
        }
        return self.add_json(document, media_type)

    def add_index(self, children: Sequence[JsonObject]) -> Descriptor:
        """Store an index of children, each a descriptor in JSON form with its platform."""
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(children)}
        return self.add_json(document, OCI_INDEX)

    def finish(self, root: Descriptor, name: str) -> None:
        """Name the manifest or index that the layout is about."""
        entry = {
            **root.to_json(),
            "annotations": {"org.opencontainers.image.ref.name": name},
        }
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
        (self.directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (self.directory / "index.json").write_text(json.dumps(index, separators=(",", ":")))
