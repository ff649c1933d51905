"""The nouns: frozen values, valid once built."""

from scanner.model.findings import (
    Advisories,
    Finding,
    FixStatus,
    OperatingSystem,
    PackageGroup,
    Scanner,
    ScanReport,
    Severity,
)
from scanner.model.inventory import LayerInventory
from scanner.model.reference import (
    Deletion,
    Digest,
    ImageReference,
    Job,
    Platform,
    RetireJob,
    ScanJob,
    is_host,
)
from scanner.model.registries import Registries
from scanner.model.report import (
    PlatformVerdict,
    Report,
)
from scanner.model.verdict import (
    NotApplicable,
    NotApplicableReason,
    Policy,
    Status,
    Unexaminable,
    UnknownReason,
    Verdict,
)

__all__ = [
    "Advisories",
    "Deletion",
    "Digest",
    "Finding",
    "FixStatus",
    "ImageReference",
    "Job",
    "LayerInventory",
    "NotApplicable",
    "NotApplicableReason",
    "OperatingSystem",
    "PackageGroup",
    "Platform",
    "PlatformVerdict",
    "Policy",
    "Registries",
    "Report",
    "RetireJob",
    "ScanJob",
    "ScanReport",
    "Scanner",
    "Severity",
    "Status",
    "Unexaminable",
    "UnknownReason",
    "Verdict",
    "is_host",
]
