"""What is in an OCI layout (folder or archive) or in an archive of `docker save`."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scanner.errors import InvalidMessageError, NoImageError
from scanner.local_images.files import Archive, Files, Folder, Part
from scanner.model import Digest
from scanner.registry import Limits
from scanner.registry.manifests import DOCKER_MANIFEST, OCI_INDEX
from scanner.strict_json import parse_value

_INDEX, _SAVED = "index.json", "manifest.json"
_DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
_DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
_LIMITS: Final = Limits()
_MAX_IMAGES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalContents:
    """Blobs by digest, none of them verified, and the one manifest to begin with."""

    root: Digest
    made: dict[Digest, bytes]
    """Manifests that say what the files say in another form."""
    parts: dict[Digest, Part]
    """Where blobs lie that are not under their own names."""
    files: Files

    def blob(self, digest: Digest) -> Part | None:
        """Return where a blob lies, or None where it is not. Raises NoImageError."""
        return self.parts.get(digest) or self.files.find(f"blobs/sha256/{digest.hex}")


def open_image(path: Path) -> LocalContents:
    """Look at what is there. Raises NoImageError for what is no image."""
    files: Files = Folder(path) if path.is_dir() else Archive.read(path)
    if part := files.find(_INDEX):
        return _layout(path, files, _document(path, _INDEX, part))
    if part := files.find(_SAVED):
        return _saved(path, files, _document(path, _SAVED, part))
    raise NoImageError(f"{path} is neither an OCI layout nor an archive of one or of `docker save`")


def _layout(path: Path, files: Files, index: bytes) -> LocalContents:
    document = _parsed(path, index)
    listed = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise NoImageError(f"{path} holds no image")
    if len(listed) > 1:
        # Several images, or one for each platform: what is listed is judged like an index.
        root = Digest.of(index)
        return LocalContents(root=root, made={root: index}, parts={}, files=files)
    try:
        root = Digest(str(listed[0]["digest"]))
    except (InvalidMessageError, KeyError, TypeError) as error:
        raise NoImageError(f"{path}: {_INDEX} names an image by no sha256 digest") from error
    return LocalContents(root=root, made={}, parts={}, files=files)


def _saved(path: Path, files: Files, listing: bytes) -> LocalContents:
    """Read what `docker save` writes: a list of images, each with the names of its files."""
    listed = _parsed(path, listing)
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MAX_IMAGES:
        raise NoImageError(f"{path} holds no image, or more than {_MAX_IMAGES}")
    parts: dict[Digest, Part] = {}
    manifests = [_manifest(path, files, entry, parts) for entry in listed]
    made = {Digest.of(manifest): manifest for manifest in manifests}
    if len(made) == 1:
        return LocalContents(root=next(iter(made)), made=made, parts=parts, files=files)
    index = _canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [
                {"mediaType": DOCKER_MANIFEST, "digest": str(digest), "size": len(manifest)}
                for digest, manifest in made.items()
            ],
        }
    )
    root = Digest.of(index)
    return LocalContents(root=root, made={**made, root: index}, parts=parts, files=files)


def _manifest(path: Path, files: Files, entry: object, parts: dict[Digest, Part]) -> bytes:
    config, layers = _names(path, entry)
    found = [_named(path, files, name) for name in (config, *layers)]
    if sum(part.size for part in found) > _LIMITS.compressed_bytes:
        raise NoImageError(f"{path} holds more than {_LIMITS.compressed_bytes} bytes of layers")
    digests = [_digest(part) for part in found]
    parts.update(zip(digests, found, strict=True))
    described = [
        {"digest": str(digest), "size": part.size}
        for digest, part in zip(digests, found, strict=True)
    ]
    return _canonical(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": {"mediaType": _DOCKER_CONFIG, **described[0]},
            "layers": [{"mediaType": _DOCKER_LAYER, **layer} for layer in described[1:]],
        }
    )


def _names(path: Path, entry: object) -> tuple[str, list[str]]:
    config = entry.get("Config") if isinstance(entry, dict) else None
    layers = entry.get("Layers") if isinstance(entry, dict) else None
    if (
        not isinstance(config, str)
        or not isinstance(layers, list)
        or len(layers) > _LIMITS.layers
        or not all(isinstance(layer, str) for layer in layers)
    ):
        raise NoImageError(f"{path}: {_SAVED} is not what `docker save` writes")
    return config, layers


def _named(path: Path, files: Files, name: str) -> Part:
    part = files.find(name)
    if part is None:
        raise NoImageError(f"{path} lacks a file that {_SAVED} names")
    return part


def _digest(part: Part) -> Digest:
    digest = hashlib.sha256()
    for chunk in part.chunks():
        digest.update(chunk)
    return Digest(f"sha256:{digest.hexdigest()}")


def _document(path: Path, name: str, part: Part) -> bytes:
    content = part.read(_LIMITS.manifest_bytes)
    if len(content) > _LIMITS.manifest_bytes:
        raise NoImageError(f"{path}: {name} is larger than {_LIMITS.manifest_bytes} bytes")
    return content


def _parsed(path: Path, untrusted_document: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return parse_value(untrusted_document, max_bytes=_LIMITS.manifest_bytes)
    except InvalidMessageError as error:
        raise NoImageError(f"{path} cannot be read: {error}") from error


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
