"""Bills of materials that images bring along: Bitnami's SPDX and someone's CycloneDX."""

import json

from tests.corpus.image import Part


def boms() -> Part:
    """Return a document in each format."""
    return Part(
        analyser="sbom",
        files={
            "opt/bitnami/redis/.spdx-redis.spdx": json.dumps(_spdx()).encode(),
            "usr/share/sbom/app.cdx.json": json.dumps(_cyclonedx()).encode(),
        },
        facts=frozenset({"sbom: redis 7.2.4-0", "sbom: left-pad 1.3.0"}),
    )


def _spdx() -> dict[str, object]:
    reference = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": "pkg:bitnami/redis@7.2.4-0?arch=amd64&distro=debian-12",
    }
    package = {
        "SPDXID": "SPDXRef-redis",
        "name": "redis",
        "versionInfo": "7.2.4-0",
        "downloadLocation": "https://redis.io",
        "licenseConcluded": "BSD-3-Clause",
        "licenseDeclared": "BSD-3-Clause",
        "externalRefs": [reference],
    }
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "SPDX document for Redis 7.2.4",
        "documentNamespace": "https://example.com/redis-7.2.4",
        "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Organization: x"]},
        "documentDescribes": ["SPDXRef-redis"],
        "packages": [package],
    }


def _cyclonedx() -> dict[str, object]:
    component = {
        "bom-ref": "left-pad",
        "type": "library",
        "name": "left-pad",
        "version": "1.3.0",
        "purl": "pkg:npm/left-pad@1.3.0",
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "components": [component],
    }
