"""What a manifest is: an image, or a signature, an SBOM, an attestation, a chart. Pure.

A runnable image must not pass for something that needs no scan. So the question is never what
a manifest calls itself but whether a runtime could run it; only what none would run is given
one of the other names. What is known of the runtimes:

- containerd takes as layers those whose media type is a layer's, and wants a diff_id for each;
- Docker also accepts configs of the types in `_CONFIGS_DOCKER_TAKES_FOR_IMAGES` (moby,
  `distribution/registry.go`, `ImageTypes`) and does not look at the layers' media types;
- all of them ignore `artifactType`, `subject`, annotations and the tag.
"""

from scanner.model import NotApplicable, NotApplicableReason
from scanner.registry.manifests import ArtefactManifest, ImageManifest

IMAGE_CONFIGS = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
_CONFIGS_DOCKER_TAKES_FOR_IMAGES = frozenset(
    {"", "application/octet-stream", "application/json", "text/html"}
)
LAYERS = frozenset(
    {
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
    }
)
FOREIGN_LAYERS = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)
_LAYER_FAMILIES = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")

_SIGNATURE = NotApplicableReason.SIGNATURE
_SBOM = NotApplicableReason.SBOM
_ATTESTATION = NotApplicableReason.ATTESTATION
_CHART = NotApplicableReason.HELM_CHART

# Prefixes of media types and artefact types, each from the tool that writes them.
_NAMES = (
    ("application/vnd.cncf.helm.", _CHART),
    ("application/vnd.cncf.notary.", _SIGNATURE),  # Notation (Notary Project spec)
    ("application/vnd.dev.cosign.simplesigning.", _SIGNATURE),  # cosign
    ("application/vnd.dev.cosign.artifact.sig.", _SIGNATURE),
    ("application/vnd.dev.cosign.artifact.sbom.", _SBOM),
    ("application/vnd.in-toto", _ATTESTATION),  # BuildKit, in-toto
    ("application/vnd.dsse.", _ATTESTATION),  # cosign attest
    ("application/vnd.dev.sigstore.bundle", _ATTESTATION),
    ("application/spdx", _SBOM),
    ("text/spdx", _SBOM),
    ("application/vnd.cyclonedx", _SBOM),
    ("application/vnd.syft", _SBOM),
)


def is_layer(media_type: str) -> bool:
    """Say whether a runtime takes this for a layer of some kind."""
    return media_type.startswith(_LAYER_FAMILIES)


def may_be_runnable(manifest: ImageManifest) -> bool:
    """Say whether the config must be read to know that no runtime runs this."""
    config = manifest.config.media_type
    return (
        config in IMAGE_CONFIGS
        or config in _CONFIGS_DOCKER_TAKES_FOR_IMAGES
        or any(is_layer(layer.media_type) for layer in manifest.layers)
    )


def is_runnable(manifest: ImageManifest, *, names_platform: bool, has_diff_ids: bool) -> bool:
    """Say whether some runtime would run this, given what its config says."""
    has_layer = any(is_layer(layer.media_type) for layer in manifest.layers)
    if manifest.config.media_type not in IMAGE_CONFIGS:
        return has_diff_ids
    is_named = bool(manifest.layers) and all(
        _name_of(layer.media_type) for layer in manifest.layers
    )
    # Attestations and cosign's signatures come with an image's config that names no platform.
    return has_layer or names_platform or not is_named


def name_artefact(manifest: ImageManifest | ArtefactManifest) -> NotApplicable:
    """Name something that no runtime runs."""
    types = [manifest.artifact_type]
    if isinstance(manifest, ImageManifest):
        types += [manifest.config.media_type, *(layer.media_type for layer in manifest.layers)]
    names = (_name_of(media_type) for media_type in types)
    reason = next((name for name in names if name), NotApplicableReason.ARTIFACT)
    kind = next((text for text in types if text), "")
    return NotApplicable(reason=reason, detail=ascii(kind[:100])[1:-1])


def _name_of(media_type: str) -> NotApplicableReason | None:
    return next((name for prefix, name in _NAMES if media_type.startswith(prefix)), None)
