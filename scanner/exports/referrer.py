"""The manifest that attaches an export to an image.

Form: OCI image spec 1.1, "Guidelines for Artifact Usage". It follows from the image, the export and
its date, so that whoever knows these three can tell by the digest alone whether what is attached is
ours and still right.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from scanner.model import Digest

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
EMPTY: Final = b"{}"
_EMPTY_CONFIG: Final = "application/vnd.oci.empty.v1+json"
CREATED: Final = "org.opencontainers.image.created"
CONTENT: Final = "dev.pushscan.content"
"""Marks what is ours to replace; its value is the digest of the export."""


def referrer(
    subject: Mapping[str, object], artifact_type: str, content: bytes, *, created: str
) -> bytes:
    """Write the manifest.

    Args:
        subject: Descriptor of the image's manifest.
        artifact_type: Media type of the export.
        content: The export.
        created: RFC 3339.
    """
    digest = str(Digest.of(content))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": {
            "mediaType": _EMPTY_CONFIG,
            "digest": str(Digest.of(EMPTY)),
            "size": len(EMPTY),
        },
        "layers": [{"mediaType": artifact_type, "digest": digest, "size": len(content)}],
        "subject": dict(subject),
        "annotations": {CREATED: created, CONTENT: digest},
    }
    return json.dumps(manifest, separators=(",", ":"), sort_keys=True).encode()


def moment(when: datetime) -> str:
    """Write a time for the annotation, to the second."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
