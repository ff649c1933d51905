"""Manifests that are no images: what signing, SBOM, build and chart tools push beside them."""

import base64
import json
from typing import Final

from local.samples.layers import Compression, LayerWriter
from local.samples.layout import OCI_CONFIG, Descriptor, LayoutWriter

_EMPTY_CONFIG: Final = "application/vnd.oci.empty.v1+json"
_UNSIGNED: Final = base64.urlsafe_b64encode(b"sample, not a signature").decode().rstrip("=")
_CHART: Final = {
    "sample/Chart.yaml": b"apiVersion: v2\nname: sample\nversion: 0.1.0\nappVersion: 1.0.0\n",
    "sample/values.yaml": b"replicas: 1\n",
    "sample/templates/configmap.yaml": (
        b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        b'data:\n  replicas: "{{ .Values.replicas }}"\n'
    ),
}


def add_notation_signature(layout: LayoutWriter, subject: Descriptor) -> Descriptor:
    """Add what `notation sign` pushes (Notary Project, "OCI Signatures"). It does not verify."""
    payload = json.dumps({"targetArtifact": subject.to_json()}, separators=(",", ":"))
    envelope = {
        "payload": base64.urlsafe_b64encode(payload.encode()).decode().rstrip("="),
        "protected": base64.urlsafe_b64encode(b'{"alg":"PS256"}').decode().rstrip("="),
        "header": {"x5c": [], "io.cncf.notary.signingAgent": "sample"},
        "signature": _UNSIGNED,
    }
    return layout.add_manifest(
        layout.add_blob(b"{}", "application/vnd.cncf.notary.signature"),
        [layout.add_json(envelope, "application/jose+json")],
        extra={
            "subject": subject.to_json(),
            "annotations": {"io.cncf.notary.x509chain.thumbprint#S256": "[]"},
        },
    )


def add_cosign_signature(layout: LayoutWriter, subject: Descriptor) -> Descriptor:
    """Add what `cosign sign` pushes under the tag `sha256-<hex>.sig`. It does not verify."""
    payload = {
        "critical": {
            "identity": {"docker-reference": "registry.example/clean"},
            "image": {"docker-manifest-digest": subject.digest},
            "type": "cosign container image signature",
        },
        "optional": None,
    }
    signed = layout.add_blob(
        json.dumps(payload, separators=(",", ":")).encode(),
        "application/vnd.dev.cosign.simplesigning.v1+json",
        {"dev.cosignproject.cosign/signature": _UNSIGNED},
    )
    config = {
        "architecture": "",
        "created": "0001-01-01T00:00:00Z",
        "history": [{"created": "0001-01-01T00:00:00Z"}],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [signed.digest]},
        "config": {},
    }
    return layout.add_manifest(layout.add_json(config, OCI_CONFIG), [signed])


def add_sbom(layout: LayoutWriter, subject: Descriptor) -> Descriptor:
    """Add what `oras attach --artifact-type application/spdx+json` pushes."""
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "clean",
        "documentNamespace": f"https://registry.example/clean/{subject.digest}",
        "creationInfo": {"created": "2026-11-01T00:00:00Z", "creators": ["Tool: sample"]},
        "packages": [],
    }
    return layout.add_manifest(
        layout.add_blob(b"{}", _EMPTY_CONFIG),
        [layout.add_json(document, "application/spdx+json")],
        extra={"artifactType": "application/spdx+json", "subject": subject.to_json()},
    )


def add_helm_chart(layout: LayoutWriter) -> Descriptor:
    """Add what `helm push` pushes (Helm documentation, "Use OCI-based registries")."""
    config = {"name": "sample", "version": "0.1.0", "apiVersion": "v2", "appVersion": "1.0.0"}
    with LayerWriter(layout.layer_path(), Compression.GZIP) as writer:
        for path, content in sorted(_CHART.items()):
            writer.add(path, content)
    chart = layout.store_layer(writer.layer)
    return layout.add_manifest(
        layout.add_json(config, "application/vnd.cncf.helm.config.v1+json"),
        [
            Descriptor(
                media_type="application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                digest=chart.digest,
                size=chart.size,
            )
        ],
    )


def add_attestation(layout: LayoutWriter, subject: Descriptor) -> dict[str, object]:
    """Add buildx provenance; return its entry in the index (BuildKit, "Attestation storage")."""
    statement = layout.add_blob(
        json.dumps(
            {
                "_type": "https://in-toto.io/Statement/v0.1",
                "predicateType": "https://slsa.dev/provenance/v0.2",
                "subject": [
                    {"name": "sample", "digest": {"sha256": subject.digest.partition(":")[2]}}
                ],
                "predicate": {"buildType": "https://mobyproject.org/buildkit@v1"},
            },
            separators=(",", ":"),
        ).encode(),
        "application/vnd.in-toto+json",
        {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"},
    )
    config = {
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [statement.digest]},
    }
    manifest = layout.add_manifest(layout.add_json(config, OCI_CONFIG), [statement])
    return {
        **manifest.to_json(),
        "annotations": {
            "vnd.docker.reference.digest": subject.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        },
        "platform": {"architecture": "unknown", "os": "unknown"},
    }
