"""What `trivy server` says of an image, as the report that Trivy itself would make of it.

Format: Trivy's `rpc/scanner/service.proto` and `rpc/common/service.proto`, as JSON by Twirp. The
client that is missing here fills in nothing, but it drops what is said twice.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import msgspec

from scanner.model import Digest, FixStatus, Severity
from scanner.trivy.looked_up import Package
from scanner.trivy.ratings import Scores
from scanner.trivy.report import (
    ReportedLayer,
    ReportedMetadata,
    ReportedResult,
    ReportedSystem,
    ReportedVulnerability,
    TrivyReport,
)

PATH: Final = "/twirp/trivy.scanner.v1.Scanner/Scan"
# Trivy-db `pkg/types/status.go`: by number in an answer, by name in a report.
_STATUSES: Final = (
    FixStatus.UNKNOWN,
    FixStatus.NOT_AFFECTED,
    FixStatus.AFFECTED,
    FixStatus.FIXED,
    FixStatus.UNDER_INVESTIGATION,
    FixStatus.WILL_NOT_FIX,
    FixStatus.FIX_DEFERRED,
    FixStatus.END_OF_LIFE,
)

SeverityName = Literal["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]


class _System(msgspec.Struct, frozen=True):
    family: str = ""
    name: str = ""
    eosl: bool = False
    supplier: str = ""


class _Layer(msgspec.Struct, frozen=True):
    diff_id: str = ""


class _Scores(msgspec.Struct, frozen=True):
    v2_score: float = 0.0
    v3_score: float = 0.0
    v40_score: float = 0.0


class _Vulnerability(msgspec.Struct, frozen=True):
    vulnerability_id: str
    pkg_name: str
    severity: SeverityName
    pkg_id: str
    installed_version: str
    fixed_version: str
    status: int
    pkg_path: str
    severity_source: str
    title: str
    primary_url: str
    vendor_severity: dict[str, SeverityName]
    cvss: dict[str, _Scores]
    published_date: str | None
    layer: _Layer | None = None


class _Package(msgspec.Struct, frozen=True):
    name: str
    src_name: str


class _Result(msgspec.Struct, frozen=True):
    target: str
    vulnerabilities: list[_Vulnerability]
    package_class: str = msgspec.field(name="class")
    package_type: str = msgspec.field(name="type")
    packages: list[_Package]


class _Answer(msgspec.Struct, frozen=True):
    results: list[_Result]
    os: _System | None


_decoder = msgspec.json.Decoder(_Answer)


def question(target: str, keys: Sequence[str]) -> bytes:
    """Ask for what a run with our arguments looks up.

    Args:
        target: What results are named after.
        keys: Of the records of all layers, bottom first.
    """
    asked: dict[str, Any] = {
        "target": target,
        # Nobody has put an image into the cache; of an image without a config nothing is known.
        "artifact_id": str(Digest.of(b"")),
        "blob_ids": list(keys),
        "options": {"pkg_types": ["os", "library"], "scanners": ["vuln"]},
    }
    return msgspec.json.encode(asked)


def read_answer(untrusted_answer: bytes) -> TrivyReport:
    """Read an answer as a report, still untrusted. Raises ValueError for what is none."""
    try:
        answer = _decoder.decode(untrusted_answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"no answer of Trivy's: {error}") from error
    system = answer.os
    return TrivyReport(
        schema_version=2,
        metadata=ReportedMetadata(
            os=ReportedSystem(
                family=system.family,
                name=system.name,
                eosl=system.eosl,
                supplier=system.supplier,
            )
            if system is not None
            else None
        ),
        results=[
            ReportedResult(
                target=result.target,
                package_class=result.package_class,
                package_type=result.package_type,
                packages=[Package(name=p.name, src_name=p.src_name) for p in result.packages],
                vulnerabilities=[_reported(found) for found in _once(result.vulnerabilities)],
            )
            for result in answer.results
        ],
    )


def _once(untrusted: Iterable[_Vulnerability]) -> Iterable[_Vulnerability]:
    """Keep of what is said twice that with the later fix, as Trivy's `pkg/result/filter.go`."""
    kept: dict[tuple[str, ...], _Vulnerability] = {}
    for found in untrusted:
        key = (
            found.vulnerability_id,
            found.pkg_id,
            found.pkg_name,
            found.installed_version,
            found.pkg_path,
        )
        if key not in kept or kept[key].fixed_version.encode() < found.fixed_version.encode():
            kept[key] = found
    return kept.values()


def _reported(untrusted: _Vulnerability) -> ReportedVulnerability:
    if not 0 <= untrusted.status < len(_STATUSES):
        raise ValueError(f"{untrusted.status} is no status of Trivy's")
    return ReportedVulnerability(
        vulnerability_id=untrusted.vulnerability_id,
        pkg_name=untrusted.pkg_name,
        severity=untrusted.severity,
        severity_source=untrusted.severity_source,
        installed_version=untrusted.installed_version,
        fixed_version=untrusted.fixed_version,
        status=_STATUSES[untrusted.status],
        pkg_path=untrusted.pkg_path,
        title=untrusted.title,
        primary_url=untrusted.primary_url,
        vendor_severity={
            source: Severity[name].value for source, name in untrusted.vendor_severity.items()
        },
        cvss={
            source: Scores(v2=found.v2_score, v3=found.v3_score, v4=found.v40_score)
            for source, found in untrusted.cvss.items()
        },
        published_date=untrusted.published_date or "",
        layer=ReportedLayer(diff_id=untrusted.layer.diff_id if untrusted.layer else ""),
    )
