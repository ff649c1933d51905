"""Scanner, advisories and what was seen <-> JSON."""

from typing import Any

from scanner.model import (
    Advisories,
    Digest,
    OperatingSystem,
    PackageGroup,
    Scanner,
    ScanReport,
)
from scanner.storage.moments import from_text, to_text
from scanner.store.verdict_json import (
    read_finding,
    read_weakness,
    write_finding,
    write_weakness,
)

JsonObject = dict[str, Any]


def write_scanner(scanner: Scanner) -> JsonObject:
    """Write what examined the image."""
    return {
        "name": scanner.name,
        "version": scanner.version,
        "digest": str(scanner.digest),
        "isolation": scanner.isolation,
    }


def read_scanner(entry: JsonObject) -> Scanner:
    """Read what examined the image. Raises KeyError, TypeError or InvalidMessageError."""
    return Scanner(
        name=entry["name"],
        version=entry["version"],
        digest=Digest(entry["digest"]),
        isolation=entry["isolation"],
    )


def write_advisories(advisories: Advisories) -> JsonObject:
    """Write which advisory database was used."""
    return {
        "source": advisories.source,
        "digest": str(advisories.digest),
        "java_digest": str(advisories.java_digest),
        "updated_at": to_text(advisories.updated_at),
    }


def read_advisories(entry: JsonObject) -> Advisories:
    """Read which advisory database was used. Raises KeyError, ValueError or others of decode."""
    return Advisories(
        source=entry["source"],
        digest=Digest(entry["digest"]),
        java_digest=Digest(entry["java_digest"]),
        updated_at=from_text(entry["updated_at"]),
    )


def write_scan(scan: ScanReport) -> JsonObject:
    """Write what was seen in the image."""
    system = scan.operating_system
    return {
        "operating_system": {
            "family": system.family,
            "name": system.name,
            "is_end_of_life": system.is_end_of_life,
        }
        if system
        else None,
        "package_groups": [
            {
                "target": group.target,
                "package_class": group.package_class,
                "package_type": group.package_type,
                "package_count": group.package_count,
            }
            for group in scan.package_groups
        ],
        "findings": [write_finding(finding) for finding in scan.findings],
        "weaknesses": [write_weakness(weakness) for weakness in scan.weaknesses],
        "warnings": list(scan.warnings),
    }


def read_scan(entry: JsonObject) -> ScanReport:
    """Read what was seen in the image. Raises KeyError, TypeError or ValueError."""
    system = entry["operating_system"]
    return ScanReport(
        operating_system=OperatingSystem(
            family=system["family"],
            name=system["name"],
            is_end_of_life=system["is_end_of_life"],
        )
        if system is not None
        else None,
        package_groups=tuple(
            PackageGroup(
                target=group["target"],
                package_class=group["package_class"],
                package_type=group["package_type"],
                package_count=group["package_count"],
            )
            for group in entry["package_groups"]
        ),
        findings=tuple(read_finding(finding) for finding in entry["findings"]),
        weaknesses=tuple(read_weakness(weakness) for weakness in entry["weaknesses"]),
        warnings=tuple(entry["warnings"]),
    )
