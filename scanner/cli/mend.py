"""What would make an image healthy, or a verdict possible."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scanner.model import Finding, NotApplicableReason, UnknownReason

REMEDIES: Final = {
    UnknownReason.ABANDONED: "See why in the app's log, then push again or replay the event.",
    UnknownReason.CORRUPT_LAYER: "Build and push the image again: a layer is not what it claims.",
    UnknownReason.DISK_LIMIT: "Make the image smaller: it unpacks to more than a scan may use.",
    UnknownReason.EMPTY_IMAGE: "Push an index that names at least one platform's image.",
    UnknownReason.END_OF_LIFE: "Move to a release of the distribution that still gets fixes.",
    UnknownReason.FOREIGN_LAYER: "Push the layers into the registry instead of linking to them.",
    UnknownReason.INCOMPLETE: "Push what is missing or unreadable in the image, then push again.",
    UnknownReason.MALFORMED_MANIFEST: "Push again with a tool that follows the OCI image spec.",
    UnknownReason.MEMORY_LIMIT: "Make the image smaller: its scan takes more memory than allowed.",
    UnknownReason.NO_ADVISORIES: "Update the advisories, or move to a release that has some.",
    UnknownReason.NO_PACKAGES: "Keep the distribution's package database in the image.",
    UnknownReason.OUTPUT_LIMIT: "Split the image: it holds more packages than a report may.",
    UnknownReason.REDIRECT: "If that host is your registry's, add it to PUSHSCAN_BLOB_HOSTS.",
    UnknownReason.SANDBOX_VIOLATION: "Treat the image as hostile: its scan tried to break out.",
    UnknownReason.SCANNER_CRASH: "Report the image to Trivy's maintainers: Trivy broke on it.",
    UnknownReason.STALE_ADVISORIES: "Run `pushscan advisories update`, then push or replay again.",
    UnknownReason.TIMEOUT: "Make the image smaller, or raise PUSHSCAN_SCAN_SECONDS.",
    UnknownReason.TOO_LARGE: "Make the image smaller: it is over the limit that is named above.",
    UnknownReason.UNSUPPORTED_OS: "Use a base image of a distribution that advisories exist for.",
}

_CHUNKS = re.compile(r"\d+|\D+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """One installed package, and the versions in which its findings are fixed."""

    package: str
    installed_version: str
    fixed_versions: tuple[str, ...]
    """Each fixes at least one of the findings, lowest first; a finding may name several."""
    vulnerabilities: tuple[str, ...]


def upgrades(findings: Iterable[Finding]) -> tuple[Upgrade, ...]:
    """Group the findings that have a fix by installed package, in the order of the findings."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        if finding.is_fixable:
            key = (finding.package_type, finding.package, finding.installed_version)
            groups.setdefault(key, []).append(finding)
    return tuple(
        Upgrade(
            package=package,
            installed_version=installed_version,
            fixed_versions=_fixed_versions(group),
            vulnerabilities=tuple(dict.fromkeys(finding.vulnerability for finding in group)),
        )
        for (_, package, installed_version), group in groups.items()
    )


def remedy(reason: UnknownReason | NotApplicableReason | None) -> str:
    """Return what to do about an unknown verdict, in one sentence, or nothing."""
    return REMEDIES[reason] if isinstance(reason, UnknownReason) else ""


def _fixed_versions(findings: Iterable[Finding]) -> tuple[str, ...]:
    versions = {
        version.strip() for finding in findings for version in finding.fixed_version.split(",")
    }
    return tuple(sorted(filter(None, versions), key=_natural))


def _natural(version: str) -> list[tuple[int, str]]:
    """Order 2.9 before 2.10. For reading only: each ecosystem has rules of its own."""
    # Numbers compare by length and digits: int() refuses more than 4,300 of them.
    stripped = (
        chunk.lstrip("0") if chunk.isdigit() else chunk for chunk in _CHUNKS.findall(version)
    )
    return [(len(chunk) if chunk.isdigit() else 0, chunk) for chunk in stripped]
