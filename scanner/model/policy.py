"""What a policy consists of: rules in their order, and what else decides about an image."""

from dataclasses import dataclass, field
from enum import StrEnum

from scanner.model.exemptions import Exemptions
from scanner.model.exploits import EPSS, Exploits, TableVersion
from scanner.model.findings import FixStatus, Severity
from scanner.model.judgement import Outcome
from scanner.model.reference import Digest


class Kind(StrEnum):
    """What a rule is about."""

    VULNERABILITY = "vulnerability"
    SECRET = "secret"  # noqa: S105  a kind, not a secret
    MISCONFIGURATION = "misconfiguration"
    END_OF_LIFE = "end-of-life"
    """The distribution itself, once nobody reports on it: about the image, not about a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The images that a rule is for; each member is a list of globs, an empty one means any.

    In a glob `*` stays within one part of a path, `**` goes over all of it.
    """

    registries: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Against the tag of the push; of an index's platforms the tag of the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """The findings that a rule is for: every member that is set must hold."""

    kinds: tuple[Kind, ...] = ()
    """Empty: vulnerabilities, secrets and misconfigurations."""
    ids: tuple[str, ...] = ()
    """Globs on the id of the vulnerability, or of the rule that found a weakness."""
    packages: tuple[str, ...] = ()
    """Globs on the package's name."""
    severity: Severity | None = None
    """At least."""
    fixable: bool | None = None
    fix_status: tuple[FixStatus, ...] = ()
    package_class: tuple[str, ...] = ()
    package_types: tuple[str, ...] = ()
    cvss: float | None = None
    """At least; of the sources in the policy's order the first that gives a score."""
    epss: float | None = None
    """At least; a probability."""
    known_exploited: bool | None = None
    published_over_days: int | None = None
    published_within_days: int | None = None
    image_over_days: int | None = None
    """Since the image was built."""
    end_of_life: bool | None = None
    """Whether the image's distribution is past its end of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: for the findings that it concerns, it decides."""

    name: str
    outcome: Outcome
    where: Where = field(default_factory=Where)
    what: What = field(default_factory=What)
    grace_days: int | None = None
    """So long after a vulnerability was published the rule only warns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What makes an image unhealthy. Of the rules that concern a finding the first decides."""

    name: str
    digest: Digest
    """sha256 of the policy in its canonical form."""
    rules: tuple[Rule, ...]
    severity_sources: tuple[str, ...] = ()
    """Whose rating counts, first that has one; then the scanner's own choice."""
    max_advisory_age_hours: int = 72
    """Older advisories prove nothing. Trivy publishes every 6 hours; 72 h outlasts a weekend."""
    max_exemption_days: int = 180
    max_exploit_age_days: int = 30
    """An older EPSS or KEV table tells nothing."""

    def asks_for_table(self, name: str) -> bool:
        """Whether a rule asks for this table on exploits."""
        whats = (rule.what for rule in self.rules)
        if name == EPSS:
            return any(what.epss is not None for what in whats)
        return any(what.known_exploited is not None for what in whats)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPolicy:
    """Which policy a report was judged by; the documents are kept by their digests."""

    name: str
    digest: Digest
    exemptions: Digest | None = None
    """Of exemptions and VEX statements in their canonical form; None where there are none."""
    tag: str | None = None
    """The tag that the rules went by, if they ask for one: that of the push, of a platform that of
    its index."""
    exploits: tuple[TableVersion, ...] = ()

    @property
    def fingerprint(self) -> Digest:
        """One digest for all of it: two that differ may judge differently."""
        parts = (self.digest, self.exemptions, self.tag, *(one.digest for one in self.exploits))
        return Digest.of("|".join(map(str, parts)).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All that decides about an image beside what was seen in it."""

    policy: Policy
    exemptions: Exemptions = field(default_factory=Exemptions)
    exploits: Exploits = field(default_factory=Exploits)

    @property
    def asks_for_tags(self) -> bool:
        """Whether it depends on its tag what is said of an image."""
        products = (name for one in self.exemptions.statements for name in one.products)
        return any(r.where.tags for r in self.policy.rules) or any("tag=" in p for p in products)

    def applied(self, *, tag: str | None) -> AppliedPolicy:
        """Name it, as a report does."""
        return AppliedPolicy(
            name=self.policy.name,
            digest=self.policy.digest,
            exemptions=self.exemptions.digest,
            tag=tag if self.asks_for_tags else None,
            exploits=self.exploits.versions,
        )
