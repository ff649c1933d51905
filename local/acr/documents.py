"""Manifests as the registry reads them: just enough to check and describe what is stored."""

import json
from dataclasses import dataclass
from typing import Any, Self

_FOREIGN = ("foreign", "nondistributable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A reference to content (OCI image spec, descriptor)."""

    media_type: str
    digest: str
    size: int
    is_foreign: bool = False
    """Whether it names content outside the registry, which therefore need not be here."""
    os: str = ""
    architecture: str = ""

    @classmethod
    def parse(cls, untrusted: object) -> Self:
        """Read a descriptor; ValueError when it lacks a digest or a size."""
        members = _object(untrusted)
        media_type = str(members.get("mediaType", ""))
        platform = _object(members.get("platform") or {})
        try:
            digest, size = str(members["digest"]), int(members["size"])
        except (KeyError, TypeError) as error:
            raise ValueError("a descriptor lacks its digest or size") from error
        return cls(
            media_type=media_type,
            digest=digest,
            size=size,
            is_foreign=bool(members.get("urls")) or any(word in media_type for word in _FOREIGN),
            os=str(platform.get("os", "")),
            architecture=str(platform.get("architecture", "")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDocument:
    """A manifest of any kind: image, index, Docker list, or the withdrawn OCI artifact."""

    media_type: str
    artifact_type: str
    config: Descriptor | None
    blobs: tuple[Descriptor, ...]
    """Layers, or the blobs of an artifact."""
    children: tuple[Descriptor, ...]
    subject: Descriptor | None
    annotations: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, untrusted_content: bytes) -> Self:
        """Read a manifest.

        Raises:
            ValueError: It is not a JSON object, or a descriptor in it is malformed.
        """
        try:
            members = _object(json.loads(untrusted_content))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        config, subject = members.get("config"), members.get("subject")
        annotations = _object(members.get("annotations") or {})
        return cls(
            media_type=str(members.get("mediaType", "")),
            artifact_type=str(members.get("artifactType", "")),
            config=Descriptor.parse(config) if config is not None else None,
            blobs=_descriptors(members, "layers") + _descriptors(members, "blobs"),
            children=_descriptors(members, "manifests"),
            subject=Descriptor.parse(subject) if subject is not None else None,
            annotations=tuple((key, str(value)) for key, value in annotations.items()),
        )

    @property
    def is_index(self) -> bool:
        """Whether it lists other manifests."""
        return bool(self.children)

    @property
    def needed_blobs(self) -> tuple[Descriptor, ...]:
        """All blobs that must be in the repository before the manifest may be."""
        config = (self.config,) if self.config else ()
        return config + tuple(blob for blob in self.blobs if not blob.is_foreign)


def _object(untrusted: object) -> dict[str, Any]:
    if isinstance(untrusted, dict):
        return untrusted
    raise ValueError("not a JSON object")


def _descriptors(members: dict[str, Any], member: str) -> tuple[Descriptor, ...]:
    listed = members.get(member) or []
    if isinstance(listed, list):
        return tuple(Descriptor.parse(entry) for entry in listed)
    raise ValueError(f"{member} is not a list")
