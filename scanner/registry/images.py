"""Manifest and config -> a plan of what to pull, or why the image cannot be examined. Pure."""

from scanner.model import Digest, Unexaminable, UnknownReason
from scanner.ports import Layer, PullPlan
from scanner.registry.artefacts import FOREIGN_LAYERS, LAYERS
from scanner.registry.configs import ImageConfig, parse_config
from scanner.registry.documents import MalformedError
from scanner.registry.limits import Limits
from scanner.registry.manifests import (
    Descriptor,
    ImageManifest,
    TooLargeError,
    parse_manifest,
)


def plan_pull(
    manifest: ImageManifest, config: ImageConfig, limits: Limits
) -> PullPlan | Unexaminable:
    """Match layers and diff_ids; say why not, if they do not match or must not be pulled."""
    if not manifest.layers or not config.diff_ids:
        return _because(UnknownReason.EMPTY_IMAGE, "the image has no layers")
    for descriptor in manifest.layers:
        if fault := _layer_fault(descriptor):
            return fault
    if len(manifest.layers) != len(config.diff_ids):
        return _because(
            UnknownReason.MALFORMED_MANIFEST,
            f"the manifest has {len(manifest.layers)} layers, the config {len(config.diff_ids)}",
        )
    layers: dict[Digest, Layer] = {}
    for descriptor, diff_id in zip(manifest.layers, config.diff_ids, strict=True):
        layer = Layer(digest=descriptor.digest, size=descriptor.size, diff_id=diff_id)
        if layers.setdefault(layer.digest, layer) != layer:
            return _because(
                UnknownReason.MALFORMED_MANIFEST, "one layer is listed with two sizes or diff_ids"
            )
    total = sum(layer.size for layer in layers.values())
    if total > limits.compressed_bytes:
        return _because(
            UnknownReason.TOO_LARGE,
            f"the layers are {total} bytes, more than {limits.compressed_bytes}",
        )
    return PullPlan(
        layers=tuple(layers.values()),
        diff_ids=config.diff_ids,
    )


def read_plan(manifest: bytes, config: bytes, limits: Limits) -> PullPlan | Unexaminable:
    """Plan the pull of an image that was resolved, from its manifest and config."""
    try:
        parsed = parse_manifest(manifest, limits=limits)
        if not isinstance(parsed, ImageManifest):
            return _because(UnknownReason.MALFORMED_MANIFEST, "this is no image's manifest")
        return plan_pull(parsed, parse_config(config, limits=limits), limits)
    except MalformedError as error:
        return _because(UnknownReason.MALFORMED_MANIFEST, str(error))
    except TooLargeError as error:
        return _because(UnknownReason.TOO_LARGE, str(error))


def _layer_fault(layer: Descriptor) -> Unexaminable | None:
    if layer.has_urls or layer.media_type.startswith(FOREIGN_LAYERS):
        return _because(
            UnknownReason.FOREIGN_LAYER, "a layer is kept outside the registry; it is not fetched"
        )
    if layer.media_type not in LAYERS:
        return _because(
            UnknownReason.MALFORMED_MANIFEST, "a layer's media type is not one of an image's layers"
        )
    return None


def _because(reason: UnknownReason, detail: str) -> Unexaminable:
    return Unexaminable(reason=reason, detail=detail)
