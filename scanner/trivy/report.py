"""Trivy's JSON report, as far as it is evidence.

Format: Trivy's `pkg/types/report.go`, SchemaVersion 2. What is not named here is skipped without
being built; `Metadata.ImageConfig` (environment, history, labels) is thereby never read.
"""

from typing import Literal

import msgspec

from scanner.model import (
    Finding,
    FixStatus,
    OperatingSystem,
    PackageGroup,
    ScanReport,
    Severity,
    Unexaminable,
    UnknownReason,
)
from scanner.model.findings import WITHOUT_ADVISORIES
from scanner.strict_json import known_time
from scanner.text import visible
from scanner.trivy.looked_up import Package, looked_up
from scanner.trivy.messages import parse_warnings
from scanner.trivy.ratings import Scores, ratings

MAX_FINDINGS = 50_000
MAX_PACKAGE_GROUPS = 20_000
_NAME_CHARACTERS = 256
_PATH_CHARACTERS = 1024
_TITLE_CHARACTERS = 300
_UNKNOWN_FAMILY = "none"


class ReportedSystem(msgspec.Struct, frozen=True, rename="pascal"):
    """The distribution."""

    family: str = ""
    name: str = ""
    eosl: bool = msgspec.field(name="EOSL", default=False)
    supplier: str = ""


class ReportedMetadata(msgspec.Struct, frozen=True, rename="pascal"):
    """What is said of the image as a whole."""

    os: ReportedSystem | None = msgspec.field(name="OS", default=None)


class ReportedLayer(msgspec.Struct, frozen=True, rename="pascal"):
    """The layer that brought a package."""

    diff_id: str = msgspec.field(name="DiffID", default="")


class ReportedVulnerability(msgspec.Struct, frozen=True, rename="pascal"):
    """One vulnerability of one package."""

    vulnerability_id: str = msgspec.field(name="VulnerabilityID")
    pkg_name: str
    severity: Literal["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    severity_source: str = ""
    installed_version: str = ""
    fixed_version: str = ""
    status: FixStatus = FixStatus.UNKNOWN
    pkg_path: str = ""
    title: str = ""
    primary_url: str = msgspec.field(name="PrimaryURL", default="")
    vendor_severity: dict[str, int] = {}
    cvss: dict[str, Scores] = msgspec.field(name="CVSS", default={})
    published_date: str = ""
    layer: ReportedLayer = ReportedLayer()


class ReportedResult(msgspec.Struct, frozen=True, rename="pascal"):
    """The packages of one place, with what was found in them."""

    target: str
    package_class: str = msgspec.field(name="Class", default="")
    package_type: str = msgspec.field(name="Type", default="")
    packages: list[Package] = []
    vulnerabilities: list[ReportedVulnerability] = []


class TrivyReport(msgspec.Struct, frozen=True, rename="pascal"):
    """All of it, untrusted."""

    schema_version: Literal[2]
    metadata: ReportedMetadata = ReportedMetadata()
    results: list[ReportedResult] = []


_decoder = msgspec.json.Decoder(TrivyReport)


def parse_report(
    untrusted_report: bytes, untrusted_messages: bytes = b"", *, has_all_messages: bool = True
) -> ScanReport | Unexaminable:
    """Read Trivy's report and what it said on its error stream.

    All text is cut and freed of control characters, see `visible`. Findings and groups are sorted,
    so that equal images give equal reports. A report that cannot be read is no evidence: then the
    image is unexaminable.
    """
    try:
        report = _decoder.decode(untrusted_report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Unexaminable(
            reason=UnknownReason.SCANNER_CRASH,
            detail=f"the scanner's report cannot be read: {visible(str(error), 200)}",
        )
    return read_report(report, untrusted_messages, has_all_messages=has_all_messages)


def read_report(
    untrusted: TrivyReport, untrusted_messages: bytes, *, has_all_messages: bool
) -> ScanReport | Unexaminable:
    """Take what a report says as evidence, as `parse_report` does."""
    finding_count = sum(len(result.vulnerabilities) for result in untrusted.results)
    if finding_count > MAX_FINDINGS or len(untrusted.results) > MAX_PACKAGE_GROUPS:
        return Unexaminable(
            reason=UnknownReason.OUTPUT_LIMIT,
            detail=f"{finding_count} findings in {len(untrusted.results)} places are more than"
            f" is kept ({MAX_FINDINGS} in {MAX_PACKAGE_GROUPS})",
        )
    return ScanReport(
        operating_system=_operating_system(untrusted.metadata.os),
        package_groups=tuple(sorted(map(_package_group, untrusted.results), key=_group_order)),
        findings=tuple(
            sorted(
                (
                    _finding(found, result)
                    for result in untrusted.results
                    for found in result.vulnerabilities
                ),
                key=_finding_order,
            )
        ),
        warnings=(
            *_supplier(untrusted.metadata.os),
            *parse_warnings(untrusted_messages, is_all=has_all_messages),
        ),
        looked_up=looked_up(
            untrusted.metadata.os.family if untrusted.metadata.os else "",
            [(r.package_class, r.package_type, r.packages) for r in untrusted.results],
            is_rebuilt=bool(untrusted.metadata.os and untrusted.metadata.os.supplier),
        ),
    )


def _operating_system(untrusted: ReportedSystem | None) -> OperatingSystem | None:
    if untrusted is None or untrusted.family in {"", _UNKNOWN_FAMILY}:
        return None
    return OperatingSystem(
        family=visible(untrusted.family, _NAME_CHARACTERS),
        name=visible(untrusted.name, _NAME_CHARACTERS),
        is_end_of_life=untrusted.eosl,
    )


def _supplier(untrusted: ReportedSystem | None) -> tuple[str, ...]:
    """Tell of an image that says a third party rebuilt its packages, and is thereby spared.

    Trivy then leaves out the distribution's own advisories (`pkg/detector/ospkg/rapidfort`). All
    that an image needs for it is one empty file: `usr/share/rapidfort/curated.json`.
    """
    if untrusted is None or not untrusted.supplier:
        return ()
    name = visible(untrusted.supplier, _NAME_CHARACTERS)
    return (f"{WITHOUT_ADVISORIES}the image says that its packages were rebuilt by {name}",)


def _package_group(untrusted: ReportedResult) -> PackageGroup:
    return PackageGroup(
        target=visible(untrusted.target, _PATH_CHARACTERS),
        package_class=visible(untrusted.package_class, _NAME_CHARACTERS),
        package_type=visible(untrusted.package_type, _NAME_CHARACTERS),
        package_count=len(untrusted.packages),
    )


def _finding(untrusted: ReportedVulnerability, result: ReportedResult) -> Finding:
    return Finding(
        vulnerability=visible(untrusted.vulnerability_id, _NAME_CHARACTERS),
        severity=Severity[untrusted.severity],
        severity_source=visible(untrusted.severity_source, _NAME_CHARACTERS),
        package=visible(untrusted.pkg_name, _NAME_CHARACTERS),
        installed_version=visible(untrusted.installed_version, _NAME_CHARACTERS),
        fixed_version=visible(untrusted.fixed_version, _NAME_CHARACTERS),
        status=untrusted.status,
        package_class=visible(result.package_class, _NAME_CHARACTERS),
        package_type=visible(result.package_type, _NAME_CHARACTERS),
        target=visible(result.target, _PATH_CHARACTERS),
        package_path=visible(untrusted.pkg_path, _PATH_CHARACTERS),
        layer_diff_id=visible(untrusted.layer.diff_id, _NAME_CHARACTERS),
        title=visible(untrusted.title, _TITLE_CHARACTERS),
        url=visible(untrusted.primary_url, _PATH_CHARACTERS),
        ratings=ratings(untrusted.vendor_severity, untrusted.cvss),
        published_at=known_time(untrusted.published_date),
    )


def _group_order(group: PackageGroup) -> tuple[str, str, str, int]:
    return group.target, group.package_class, group.package_type, group.package_count


def _finding_order(finding: Finding) -> tuple[int, tuple[str, ...]]:
    """Worst first, then by what a reader looks for; every field that can differ takes part."""
    return -finding.severity, (
        finding.vulnerability,
        finding.package,
        finding.installed_version,
        finding.target,
        finding.package_path,
        finding.layer_diff_id,
        finding.package_type,
        finding.fixed_version,
        finding.status,
    )
