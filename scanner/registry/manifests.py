"""Untrusted manifest -> image manifest or index (OCI image spec 1.1, Docker manifest v2.2).

Pure. Anything that is neither ends in MalformedError or TooLargeError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanner.model import Digest, Platform
from scanner.registry.configs import PLATFORM_MEMBERS, is_unknown, read_platform
from scanner.registry.documents import MalformedError, Members, read_object
from scanner.registry.limits import Limits

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGE_MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
ARTEFACT_MANIFESTS = frozenset(
    {
        "application/vnd.oci.artifact.manifest.v1+json",
        "application/vnd.cncf.oras.artifact.manifest.v1+json",
    }
)

_MANIFEST_MEMBERS = frozenset(
    {
        *("schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "blobs"),
        "annotations",
    }
)
_DESCRIPTOR_MEMBERS = frozenset(
    {"mediaType", "artifactType", "digest", "size", "urls", "platform", "data"}
)


class TooLargeError(Exception):
    """Raised for a document beyond a limit; ends in a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a manifest says of another blob or manifest (OCI image spec, descriptor)."""

    media_type: str
    digest: Digest
    size: int
    has_urls: bool = False
    artifact_type: str = ""
    platform: Platform | None = None
    """As an index names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageManifest:
    """A manifest with a config and layers: an image, or an artefact that borrows the form."""

    artifact_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A manifest of manifests."""

    manifests: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactManifest:
    """A manifest of the OCI or ORAS artefact kind, which no runtime runs."""

    artifact_type: str


Manifest = ImageManifest | Index | ArtefactManifest


def parse_manifest(untrusted_manifest: bytes, *, limits: Limits) -> Manifest:
    """Say which of the three forms a manifest has.

    Raises MalformedError, also for one that could be read as two forms (GHSA-77vh-xpmg-72qh),
    and TooLargeError.
    """
    members = read_object(
        untrusted_manifest,
        what="manifest",
        known=_MANIFEST_MEMBERS,
        limit=limits.manifest_bytes,
    )
    version = members.raw("schemaVersion")
    media_type = members.text("mediaType")
    if media_type in ARTEFACT_MANIFESTS:
        _refuse_forms(members, "layers", "manifests", "config")
        return ArtefactManifest(artifact_type=members.text("artifactType"))
    if type(version) is not int or version != 2:  # noqa: PLR2004 - schema 1 cannot be verified
        raise MalformedError("manifest.schemaVersion is not 2")
    is_index = members.has("manifests")
    expected = INDEXES if is_index else IMAGE_MANIFESTS
    if media_type and media_type not in expected:
        raise MalformedError("manifest.mediaType does not fit its form")
    if is_index:
        _refuse_forms(members, "layers", "config", "blobs")
        return _index(members, limits)
    _refuse_forms(members, "manifests", "blobs")
    return _image(members, limits)


def _refuse_forms(members: Members, *names: str) -> None:
    for name in names:
        if members.has(name):
            raise MalformedError(f"manifest has the member {name}, which its form has not")


def _index(members: Members, limits: Limits) -> Index:
    children = members.items("manifests")
    manifests = tuple(
        child
        for child in (_descriptor(entry, "manifests[]") for entry in children)
        if child.platform is None or not is_unknown(child.platform)
    )
    if len({child.digest for child in manifests}) > limits.children:
        raise TooLargeError(f"the index names more than {limits.children} manifests")
    return Index(manifests=manifests)


def _image(members: Members, limits: Limits) -> ImageManifest:
    if not members.has("config"):
        raise MalformedError("manifest.config is missing")
    layers = members.items("layers")
    if len(layers) > limits.layers:
        raise TooLargeError(f"the manifest has {len(layers)} layers, more than {limits.layers}")
    return ImageManifest(
        artifact_type=members.text("artifactType"),
        config=_descriptor(members.raw("config"), "config"),
        layers=tuple(_descriptor(layer, "layers[]") for layer in layers),
        annotations=members.named_texts("annotations"),
    )


def _descriptor(untrusted: object, where: str) -> Descriptor:
    members = Members(untrusted, where=where, known=_DESCRIPTOR_MEMBERS)
    platform = None
    if members.has("platform"):
        where_platform = f"{where}.platform"
        named = Members(members.raw("platform"), where=where_platform, known=PLATFORM_MEMBERS)
        platform = read_platform(named)
    return Descriptor(
        media_type=members.text("mediaType"),
        digest=members.digest("digest"),
        size=members.size("size"),
        has_urls=bool(members.items("urls")),
        artifact_type=members.text("artifactType"),
        platform=platform,
    )
