"""The nouns: frozen values, valid once built."""

from scanner.model.attachment import AttachmentKind
from scanner.model.findings import (
    Advisories,
    Finding,
    FixStatus,
    OperatingSystem,
    PackageGroup,
    Rating,
    Scanner,
    ScanReport,
    Severity,
    Weakness,
    WeaknessKind,
)
from scanner.model.image_facts import ImageFacts
from scanner.model.inventory import LayerInventory
from scanner.model.judgement import Decision, Origin, Outcome, Remedy, RemedyKind, Subject
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
from scanner.model.transition import Stream, Transition, TransitionKind
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
    "AttachmentKind",
    "Decision",
    "Deletion",
    "Digest",
    "Finding",
    "FixStatus",
    "ImageFacts",
    "ImageReference",
    "Job",
    "LayerInventory",
    "NotApplicable",
    "NotApplicableReason",
    "OperatingSystem",
    "Origin",
    "Outcome",
    "PackageGroup",
    "Platform",
    "PlatformVerdict",
    "Policy",
    "Rating",
    "Registries",
    "Remedy",
    "RemedyKind",
    "Report",
    "RetireJob",
    "ScanJob",
    "ScanReport",
    "Scanner",
    "Severity",
    "Status",
    "Stream",
    "Subject",
    "Transition",
    "TransitionKind",
    "Unexaminable",
    "UnknownReason",
    "Verdict",
    "Weakness",
    "WeaknessKind",
    "is_host",
]
