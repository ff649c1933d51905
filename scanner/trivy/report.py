"""Trivy's JSON report, as far as it is evidence.

Format: Trivy's `pkg/types/report.go`, SchemaVersion 2. What is not named here is skipped without
being built; `Metadata.ImageConfig` (environment, history, labels) is thereby never read.
"""

import re
from collections.abc import Iterator, Sequence
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
from scanner.model.findings import UNEXAMINED, WITHOUT_ADVISORIES
from scanner.strict_json import known_time
from scanner.text import visible
from scanner.trivy.looked_up import Package, looked_up
from scanner.trivy.ratings import Scores, ratings

MAX_FINDINGS = 50_000
MAX_PACKAGE_GROUPS = 20_000
MAX_WARNINGS = 100
_NAME_CHARACTERS = 256
_PATH_CHARACTERS = 1024
_TITLE_CHARACTERS = 300
_WARNING_CHARACTERS = 400
_UNKNOWN_FAMILY = "none"

# Trivy 0.76: what it says when it leaves a package or a file out while it reads a layer. The first
# three groups are DEBUG lines: `pkg/fanal/analyzer/analyzer.go`, `pkg/utils/fsutils/fs.go`,
# `pkg/dependency/parser`; the others `pkg/fanal/analyzer/pkg`.
_NOT_READ = re.compile(
    r"\[analyzer\] (?:Analysis error|Permission error)"
    r"|Walk error"
    r"|\[jar\] (?:No such POM|Unable to identify POM|Failed to parse)"
    r"|\[dpkg\] (?:Parse error|Invalid version|Invalid source version)"
    r"|Invalid version found"
    r"|(?:\[[a-z]+\] )?Cannot parse (?:dependency|\.NET library version)"
)
# And while it looks up what an image holds (`pkg/detector`).
_NOT_MATCHED = re.compile(
    r"(?:\[[a-z]+\] )?(?:Installed package version error"
    r"|Failed to parse the installed package version"
    r"|Mixing Alpine versions|Some OS packages were skipped"
    r"|Version matching error)"
)
# `pkg/detector/ospkg/version/version.go`: a release that Trivy has never heard of.
_UNHEARD_OF = re.compile(r"(?:\[[a-z]+\] )?This OS version is not on the EOL list")

_TOO_MANY_LINES = "what the scanner named after more lines than are read"
# Errors quote what is in the file, which may be a secret; their first words do not.
_QUOTED_FROM_FILE = re.compile(r'(\berr="[^":\\]*).*|\bline=.*')


class _OperatingSystem(msgspec.Struct, frozen=True, rename="pascal"):
    family: str = ""
    name: str = ""
    eosl: bool = msgspec.field(name="EOSL", default=False)
    supplier: str = ""


class _Metadata(msgspec.Struct, frozen=True, rename="pascal"):
    os: _OperatingSystem | None = msgspec.field(name="OS", default=None)


class _Layer(msgspec.Struct, frozen=True, rename="pascal"):
    diff_id: str = msgspec.field(name="DiffID", default="")


class _Vulnerability(msgspec.Struct, frozen=True, rename="pascal"):
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
    layer: _Layer = _Layer()


class _Result(msgspec.Struct, frozen=True, rename="pascal"):
    target: str
    package_class: str = msgspec.field(name="Class", default="")
    package_type: str = msgspec.field(name="Type", default="")
    packages: list[Package] = []
    vulnerabilities: list[_Vulnerability] = []


class _Report(msgspec.Struct, frozen=True, rename="pascal"):
    schema_version: Literal[2]
    metadata: _Metadata = _Metadata()
    results: list[_Result] = []


_decoder = msgspec.json.Decoder(_Report)


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
    finding_count = sum(len(result.vulnerabilities) for result in report.results)
    if finding_count > MAX_FINDINGS or len(report.results) > MAX_PACKAGE_GROUPS:
        return Unexaminable(
            reason=UnknownReason.OUTPUT_LIMIT,
            detail=f"{finding_count} findings in {len(report.results)} places are more than is kept"
            f" ({MAX_FINDINGS} in {MAX_PACKAGE_GROUPS})",
        )
    return ScanReport(
        operating_system=_operating_system(report.metadata.os),
        package_groups=tuple(sorted(map(_package_group, report.results), key=_group_order)),
        findings=tuple(
            sorted(
                (
                    _finding(found, result)
                    for result in report.results
                    for found in result.vulnerabilities
                ),
                key=_finding_order,
            )
        ),
        warnings=(
            *_supplier(report.metadata.os),
            *parse_warnings(untrusted_messages, is_all=has_all_messages),
        ),
        looked_up=looked_up(
            report.metadata.os.family if report.metadata.os else "",
            [(r.package_class, r.package_type, r.packages) for r in report.results],
            is_rebuilt=bool(report.metadata.os and report.metadata.os.supplier),
        ),
    )


def parse_warnings(untrusted_messages: bytes, *, is_all: bool = True) -> tuple[str, ...]:
    """Keep what Trivy said it left out, and its other warnings, up to a limit.

    Args:
        untrusted_messages: Lines of `TIME<tab>LEVEL<tab>TEXT`.
        is_all: Whether no line is missing; among those might be one that matters.
    """
    left_out: list[str] = []
    others: list[str] = []
    if not is_all:
        left_out.append(f"{UNEXAMINED}{_TOO_MANY_LINES}")
    for level, text in _told(untrusted_messages):
        if _UNHEARD_OF.match(text):
            left_out.append(f"{WITHOUT_ADVISORIES}{text}")
        elif _NOT_READ.match(text) or _NOT_MATCHED.match(text):
            left_out.append(f"{UNEXAMINED}{text}")
        elif level in {"WARN", "ERROR"}:
            others.append(text)
    # Sorted, because Trivy reads files side by side.
    texts = [*sorted(left_out), *sorted(others)]
    kept = _kept(texts)
    dropped = len(texts) - len(kept)
    return (*kept, f"{dropped} more warnings were left out") if dropped else kept


def unread_in_layer(untrusted_messages: bytes, *, is_all: bool) -> tuple[str, ...]:
    """Keep what Trivy left out of the one layer that it has read, up to a limit.

    Not what it could not look up: that depends on advisories, and on the other layers of an image.
    """
    texts = sorted(text for _, text in _told(untrusted_messages) if _NOT_READ.match(text))
    return _kept(texts if is_all else [_TOO_MANY_LINES, *texts])


def _told(untrusted_messages: bytes) -> Iterator[tuple[str, str]]:
    for line in untrusted_messages.decode("utf-8", "backslashreplace").split("\n"):
        _, _, message = line.partition("\t")
        level, _, told = message.partition("\t")
        yield level, _QUOTED_FROM_FILE.sub(_without_quotation, told)


def _kept(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        visible(text.replace("\t", " "), _WARNING_CHARACTERS) for text in texts[:MAX_WARNINGS]
    )


def _without_quotation(field: re.Match[str]) -> str:
    return f'{field[1]}"' if field[1] else ""


def _operating_system(untrusted: _OperatingSystem | None) -> OperatingSystem | None:
    if untrusted is None or untrusted.family in {"", _UNKNOWN_FAMILY}:
        return None
    return OperatingSystem(
        family=visible(untrusted.family, _NAME_CHARACTERS),
        name=visible(untrusted.name, _NAME_CHARACTERS),
        is_end_of_life=untrusted.eosl,
    )


def _supplier(untrusted: _OperatingSystem | None) -> tuple[str, ...]:
    """Tell of an image that says a third party rebuilt its packages, and is thereby spared.

    Trivy then leaves out the distribution's own advisories (`pkg/detector/ospkg/rapidfort`). All
    that an image needs for it is one empty file: `usr/share/rapidfort/curated.json`.
    """
    if untrusted is None or not untrusted.supplier:
        return ()
    name = visible(untrusted.supplier, _NAME_CHARACTERS)
    return (f"{WITHOUT_ADVISORIES}the image says that its packages were rebuilt by {name}",)


def _package_group(untrusted: _Result) -> PackageGroup:
    return PackageGroup(
        target=visible(untrusted.target, _PATH_CHARACTERS),
        package_class=visible(untrusted.package_class, _NAME_CHARACTERS),
        package_type=visible(untrusted.package_type, _NAME_CHARACTERS),
        package_count=len(untrusted.packages),
    )


def _finding(untrusted: _Vulnerability, result: _Result) -> Finding:
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
