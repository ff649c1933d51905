"""The nouns: frozen values, valid once built."""

from scanner.model.attachment import AttachmentKind
from scanner.model.exemptions import Exemption, Exemptions, VexStatement
from scanner.model.exploits import Exploits, TableVersion
from scanner.model.findings import (
    Advisories,
    Finding,
    FixStatus,
    OperatingSystem,
    PackageGroup,
    PassedOver,
    Rating,
    Scanner,
    ScanReport,
    Severity,
    Weakness,
    WeaknessKind,
)
from scanner.model.image_facts import ImageFacts
from scanner.model.inventory import LayeredImage, LayerInventory
from scanner.model.judgement import Decision, Origin, Outcome, Remedy, RemedyKind, Subject
from scanner.model.lineage import Lineage
from scanner.model.policy import AppliedPolicy, Kind, Policy, Rule, Rulebook, What, Where
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
    Status,
    Unexaminable,
    UnknownReason,
    Verdict,
)

__all__ = [
    "Advisories",
    "AppliedPolicy",
    "AttachmentKind",
    "Decision",
    "Deletion",
    "Digest",
    "Exemption",
    "Exemptions",
    "Exploits",
    "Finding",
    "FixStatus",
    "ImageFacts",
    "ImageReference",
    "Job",
    "Kind",
    "LayerInventory",
    "LayeredImage",
    "Lineage",
    "NotApplicable",
    "NotApplicableReason",
    "OperatingSystem",
    "Origin",
    "Outcome",
    "PackageGroup",
    "PassedOver",
    "Platform",
    "PlatformVerdict",
    "Policy",
    "Rating",
    "Registries",
    "Remedy",
    "RemedyKind",
    "Report",
    "RetireJob",
    "Rule",
    "Rulebook",
    "ScanJob",
    "ScanReport",
    "Scanner",
    "Severity",
    "Status",
    "Stream",
    "Subject",
    "TableVersion",
    "Transition",
    "TransitionKind",
    "Unexaminable",
    "UnknownReason",
    "Verdict",
    "VexStatement",
    "Weakness",
    "WeaknessKind",
    "What",
    "Where",
    "is_host",
]
