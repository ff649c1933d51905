"""What is said of an image, and why."""

from dataclasses import dataclass
from enum import StrEnum

from scanner.model.findings import Finding, Weakness


class UnknownReason(StrEnum):
    """Why no verdict on the image's health can be given."""

    ABANDONED = "abandoned"
    CORRUPT_LAYER = "corrupt-layer"
    DISK_LIMIT = "disk-limit"
    EMPTY_IMAGE = "empty-image"
    END_OF_LIFE = "end-of-life-os"
    FOREIGN_LAYER = "foreign-layer"
    INCOMPLETE = "incomplete-analysis"
    MALFORMED_MANIFEST = "malformed-manifest"
    MEMORY_LIMIT = "memory-limit"
    NO_ADVISORIES = "no-advisories"
    NO_PACKAGES = "no-packages"
    OUTPUT_LIMIT = "output-limit"
    REDIRECT = "redirect"
    SANDBOX_VIOLATION = "sandbox-violation"
    SCANNER_CRASH = "scanner-crash"
    STALE_ADVISORIES = "stale-advisories"
    TIMEOUT = "timeout"
    TOO_LARGE = "too-large"
    UNSUPPORTED_OS = "unsupported-os"


class NotApplicableReason(StrEnum):
    """Why a manifest is not an image that could be healthy or not."""

    ARTIFACT = "artifact"
    ATTESTATION = "attestation"
    DELETED = "deleted"
    HELM_CHART = "helm-chart"
    SBOM = "sbom"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexaminable:
    """The image's own fault, or a limit it ran into: recorded as a verdict, never retried."""

    reason: UnknownReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotApplicable:
    """A manifest that is no image: a signature, an SBOM, an attestation, a chart."""

    reason: NotApplicableReason
    detail: str = ""


class Status(StrEnum):
    """The four things that can be said of a manifest."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said of an image, the rule that decided, and what it decided on."""

    status: Status
    rule: str
    """Name of the deciding rule, e.g. `fixable-high` of the policy, or `advisories-fresh`."""
    explanation: str
    """One sentence for a person: which input met which rule."""
    reason: UnknownReason | NotApplicableReason | None = None
    """Set for `unknown` and `not-applicable`, and for nothing else."""
    violations: tuple[Finding, ...] = ()
    """The findings that make the image unhealthy, worst first."""
    weaknesses: tuple[Weakness, ...] = ()
    """The secrets and settings that do, likewise."""

    def __post_init__(self) -> None:
        if (self.reason is None) == (self.status in {Status.UNKNOWN, Status.NOT_APPLICABLE}):
            raise ValueError("unknown and not-applicable need a reason; the others have none")

    def __str__(self) -> str:
        return f"{self.status}({self.reason})" if self.reason else str(self.status)
