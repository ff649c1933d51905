"""What is no image is named; what a runtime could run is an image whatever it calls itself."""

import json
from typing import Any

import pytest

from scanner.registry.artefacts import is_runnable, may_be_runnable, name_artefact
from scanner.registry.configs import parse_config
from scanner.registry.limits import Limits
from scanner.registry.manifests import ImageManifest, parse_manifest
from tests.image_samples import OCI_CONFIG, OCI_LAYER, config_of, descriptor, manifest_of

LIMITS = Limits()
EMPTY = b"{}"
UNKNOWN = {"os": "unknown", "architecture": "unknown"}
NAMELESS = {"os": "", "architecture": ""}


def _manifest(
    config: bytes, config_type: str, *layer_types: str, **more: object
) -> tuple[ImageManifest, bytes]:
    document: dict[str, Any] = manifest_of(config) | more
    document["config"] = descriptor(config, config_type)
    document["layers"] = [descriptor(b"layer", layer_type) for layer_type in layer_types]
    parsed = parse_manifest(json.dumps(document).encode(), limits=LIMITS)
    assert isinstance(parsed, ImageManifest)
    return parsed, config


def _runs(manifest: ImageManifest, config: bytes) -> bool:
    if not may_be_runnable(manifest):
        return False
    says = parse_config(config, limits=LIMITS)
    return is_runnable(
        manifest, names_platform=says.names_platform, has_diff_ids=bool(says.diff_ids)
    )


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        pytest.param(
            _manifest(
                EMPTY,
                "application/vnd.cncf.helm.config.v1+json",
                "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            ),
            "helm-chart",
            id="helm",
        ),
        pytest.param(
            _manifest(EMPTY, "application/vnd.cncf.notary.signature", "application/jose+json"),
            "signature",
            id="notation",
        ),
        pytest.param(
            _manifest(
                config_of(b"layer", **NAMELESS),
                OCI_CONFIG,
                "application/vnd.dev.cosign.simplesigning.v1+json",
            ),
            "signature",
            id="cosign",
        ),
        pytest.param(
            _manifest(
                config_of(b"layer", **UNKNOWN),
                OCI_CONFIG,
                "application/vnd.in-toto+json",
                "application/vnd.in-toto+json",
            ),
            "attestation",
            id="buildkit",
        ),
        pytest.param(
            _manifest(
                config_of(b"layer", **NAMELESS),
                OCI_CONFIG,
                "application/vnd.dsse.envelope.v1+json",
            ),
            "attestation",
            id="cosign-attest",
        ),
        pytest.param(
            _manifest(
                EMPTY,
                "application/vnd.oci.empty.v1+json",
                "application/octet-stream",
                artifactType="application/vnd.cyclonedx+json",
            ),
            "sbom",
            id="sbom-referrer",
        ),
        pytest.param(
            _manifest(EMPTY, "application/vnd.unknown.config.v1+json", OCI_LAYER),
            "artifact",
            id="oras-default-layer-type",
        ),
        pytest.param(
            _manifest(EMPTY, "application/vnd.wasm.config.v0+json", "application/wasm"),
            "artifact",
            id="wasm",
        ),
    ],
)
def test_names_what_no_runtime_runs(manifest: tuple[ImageManifest, bytes], reason: str) -> None:
    """Name signatures, SBOMs, attestations and charts by their media types."""
    assert not _runs(*manifest)
    assert name_artefact(manifest[0]).reason == reason


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(_manifest(config_of(b"layer"), OCI_CONFIG, OCI_LAYER), id="plain"),
        pytest.param(
            _manifest(
                config_of(b"layer"),
                OCI_CONFIG,
                OCI_LAYER,
                artifactType="application/vnd.cncf.notary.signature",
                subject=descriptor(b"subject", "application/vnd.oci.image.manifest.v1+json"),
                annotations={"vnd.docker.reference.type": "attestation-manifest"},
            ),
            id="calls-itself-a-signature",
        ),
        pytest.param(
            _manifest(config_of(b"layer", **UNKNOWN), OCI_CONFIG, OCI_LAYER),
            id="real-layer-for-unknown-platform",
        ),
        pytest.param(
            _manifest(config_of(b"layer"), OCI_CONFIG, OCI_LAYER, "application/vnd.in-toto+json"),
            id="attestation-beside-a-real-layer",
        ),
        pytest.param(
            _manifest(config_of(b"layer"), OCI_CONFIG, "application/vnd.in-toto+json"),
            id="attestation-type-but-a-real-platform",
        ),
        pytest.param(
            _manifest(config_of(b"layer", **NAMELESS), OCI_CONFIG, "application/whatever"),
            id="unknown-layer-type",
        ),
        pytest.param(
            _manifest(config_of(b"layer"), "application/octet-stream", OCI_LAYER),
            id="config-type-that-docker-takes",
        ),
        pytest.param(
            _manifest(config_of(b"layer"), "", "application/vnd.in-toto+json"),
            id="no-config-type",
        ),
        pytest.param(
            _manifest(config_of(b"layer"), "application/vnd.cncf.helm.config.v1+json", OCI_LAYER),
            id="calls-its-config-a-chart",
        ),
        pytest.param(_manifest(EMPTY, OCI_CONFIG), id="no-layers"),
    ],
)
def test_takes_for_an_image_whatever_might_run(manifest: tuple[ImageManifest, bytes]) -> None:
    """Let no image pass for something that needs no scan."""
    assert _runs(*manifest)


def test_escapes_the_name_it_quotes() -> None:
    """Quote a hostile media type without its control characters, cut short."""
    manifest, _ = _manifest(EMPTY, "x\x1b[31m\ud800" + "y" * 500, "application/x")
    detail = name_artefact(manifest).detail
    assert detail.startswith("x\\x1b[31m\\ud800y")
    assert len(detail) < 120
