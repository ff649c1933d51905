"""Examples of the nouns, valid as they are; tests change the one member that they are about."""

import json
from datetime import UTC, datetime
from typing import Any

from scanner.jobs import job_id
from scanner.model import (
    Advisories,
    Digest,
    Finding,
    FixStatus,
    ImageReference,
    OperatingSystem,
    PackageGroup,
    Registries,
    ScanJob,
    ScanReport,
    Severity,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REGISTRY = "contoso.azurecr.io"
REGISTRIES = Registries(
    {
        REGISTRY: REGISTRY,
        "contoso.westeurope.geo.azurecr.io": REGISTRY,
        "localhost:5443": "localhost:5443",
    }
)
DIGEST = Digest("sha256:" + "5c" * 32)
IMAGE = ImageReference(registry=REGISTRY, repository="shop/cart", digest=DIGEST, tag="v7")
ADVISORIES = Advisories(
    source="mirror.gcr.io/aquasec/trivy-db:2",
    digest=Digest("sha256:" + "ad" * 32),
    java_digest=Digest("sha256:" + "1a" * 32),
    updated_at=NOW,
    sources=frozenset({"debian 12", "pip::GitHub Security Advisory pip"}),
)
WEBHOOK_SECRET = "w" * 32


def push_event(**changes: object) -> dict[str, Any]:
    """Return a push as ACR sends it; `target_tag=...` and the like change one member."""
    event: dict[str, Any] = {
        "id": "0d1f0f0e-8f5c-4a53-9d4c-0b6c4f1f7a11",
        "timestamp": "2026-11-22T11:59:58.1234567Z",
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": 781,
            "digest": str(DIGEST),
            "length": 781,
            "repository": "shop/cart",
            "tag": "v7",
        },
        "request": {
            "id": "6b3a4c0e-2a53-4a0f-8a3b-1f2d4c5b6a70",
            "host": REGISTRY,
            "method": "PUT",
        },
    }
    for name, value in changes.items():
        outer, _, inner = name.partition("_")
        if inner:
            event[outer][inner] = value
        else:
            event[outer] = value
    return event


def body(event: dict[str, Any]) -> bytes:
    """Return an event as ACR writes it: compact JSON."""
    return json.dumps(event, separators=(",", ":")).encode()


def job(image: ImageReference = IMAGE, *, requested_at: datetime = NOW) -> ScanJob:
    """Return a job for an image."""
    return ScanJob(id=job_id(image), image=image, requested_at=requested_at)


def finding(severity: Severity = Severity.HIGH, *, fixed_version: str = "2.10.1") -> Finding:
    """Return a finding in a Python package."""
    return Finding(
        vulnerability="CVE-2019-10906",
        severity=severity,
        severity_source="ghsa",
        package="jinja2",
        installed_version="2.10",
        fixed_version=fixed_version,
        status=FixStatus.FIXED if fixed_version else FixStatus.AFFECTED,
        package_class="lang-pkgs",
        package_type="python-pkg",
        target="Python",
        package_path="app/Jinja2-2.10.dist-info/METADATA",
        layer_diff_id="sha256:" + "1a" * 32,
        title="sandbox escape",
        url="https://example.org/CVE-2019-10906",
    )


def scan_report(*findings: Finding, **changes: object) -> ScanReport:
    """Return what was seen in a Debian image with these findings."""
    members: dict[str, Any] = {
        "operating_system": OperatingSystem(family="debian", name="12.15"),
        "package_groups": (
            PackageGroup(
                target="image (debian 12.15)",
                package_class="os-pkgs",
                package_type="debian",
                package_count=88,
            ),
        ),
        "findings": findings,
    }
    return ScanReport(**(members | changes))
