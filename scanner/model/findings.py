"""What was seen in an image, by what, and against which advisories."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Self

from scanner.model.reference import Digest


class Severity(IntEnum):
    """Trivy's five, comparable. UNKNOWN is the lowest: nobody has rated the vulnerability yet."""

    UNKNOWN = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class FixStatus(StrEnum):
    """Trivy's eight answers to "is there a fix?" (trivy-db `pkg/types/status.go`)."""

    UNKNOWN = "unknown"
    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"
    WILL_NOT_FIX = "will_not_fix"
    FIX_DEFERRED = "fix_deferred"
    END_OF_LIFE = "end_of_life"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Rating:
    """What one source says of a vulnerability: vendors disagree, and all of them are kept."""

    source: str
    """As Trivy names it, e.g. `nvd`, `ghsa` or `debian`."""
    severity: Severity | None = None
    score: float | None = None
    """CVSS base score, 0.0 to 10.0, of the newest version that the source gives one for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One known vulnerability in one installed package. All text comes from image or advisory."""

    vulnerability: str
    severity: Severity
    severity_source: str
    package: str
    installed_version: str
    fixed_version: str
    status: FixStatus
    package_class: str
    package_type: str
    target: str
    package_path: str
    layer_diff_id: str
    title: str
    url: str
    ratings: tuple[Rating, ...] = ()
    """By source, one each."""
    published_at: datetime | None = None
    """When the vulnerability was published, as the advisories have it."""

    @property
    def is_fixable(self) -> bool:
        """Whether a version without the vulnerability has been published."""
        return bool(self.fixed_version)


class WeaknessKind(StrEnum):
    """What else than a vulnerable package can be wrong with an image."""

    SECRET = "secret"  # noqa: S105  a kind, not a secret
    MISCONFIGURATION = "misconfiguration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weakness:
    """A secret that lies in a layer, or a setting of the image that should not be so.

    Where it is, never what it is: there is no place for the text of a secret.
    """

    kind: WeaknessKind
    id: str
    """Of the rule that found it, e.g. `github-pat` or `root-user`."""
    severity: Severity
    title: str
    path: str = ""
    """Of the file in the image; empty for what the image's config says."""
    line: int = 0
    """From 1; 0 where there is none."""
    layer_diff_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingSystem:
    """The distribution that Trivy recognised in the image."""

    family: str
    name: str
    is_end_of_life: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisories:
    """The advisory database that findings were matched against."""

    source: str
    """Where it came from: an OCI reference, or `bundled-sample`."""
    digest: Digest
    java_digest: Digest
    """Of the index that names Java archives by their checksums; it comes with the database."""
    updated_at: datetime
    sources: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """What it has advisories for, by its own names: `debian 12`, `npm::...`. They follow from the
    digest, so that a report need not keep them."""

    @property
    def is_sample(self) -> bool:
        """Whether this is the small bundled set that knows the sample images only."""
        return self.source == "bundled-sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """What examined the image, so that a verdict can be reproduced."""

    name: str
    version: str
    digest: Digest
    """sha256 of the scanner's binary."""
    isolation: str
    """What confined it: backend and version, what of the kernel it used, and the kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageGroup:
    """Packages that one analyser listed in one place, e.g. all Debian packages of the image."""

    target: str
    package_class: str
    package_type: str
    package_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """What the scanner does not read of an image, as the names of all its files tell."""

    rules: str
    """By which it was found out. By the same ones it stays so: an image's files never change."""
    texts: tuple[str, ...]


UNEXAMINED = "not examined: "
WITHOUT_ADVISORIES = "no advisories: "


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """What was seen in an image: the evidence that a verdict rests on."""

    operating_system: OperatingSystem | None
    package_groups: tuple[PackageGroup, ...]
    findings: tuple[Finding, ...]
    weaknesses: tuple[Weakness, ...] = ()
    """Secrets in files of any layer, worst first, each once."""
    warnings: tuple[str, ...] = ()
    """What the scanner said on its error stream about things it could not read; escaped, capped.

    Those that begin with `UNEXAMINED` or `WITHOUT_ADVISORIES` come first.
    """
    looked_up: frozenset[str] | None = field(default=None, compare=False, repr=False)
    """What was asked of the advisories, see `scanner.lookups`; a stored report does not keep it."""
    passed_over: PassedOver | None = field(default=None, compare=False, repr=False)
    """The image's row keeps it, so that nobody has to go through the names again."""

    def without(self, unexamined: Iterable[str]) -> Self:
        """Return the report with more things that were not examined."""
        added = tuple(f"{UNEXAMINED}{text}" for text in unexamined)
        return replace(self, warnings=added + self.warnings)

    @property
    def package_count(self) -> int:
        """How many packages were examined in all."""
        return sum(group.package_count for group in self.package_groups)

    @property
    def unexamined(self) -> tuple[str, ...]:
        """What in the image the scanner passed over because it could not read it."""
        return tuple(text for text in self.warnings if text.startswith(UNEXAMINED))

    @property
    def without_advisories(self) -> tuple[str, ...]:
        """Why the distribution's packages were not held against its advisories."""
        return tuple(text for text in self.warnings if text.startswith(WITHOUT_ADVISORIES))
