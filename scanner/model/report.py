"""Everything that was judged about one manifest, as it is stored and shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from scanner.model.findings import Advisories, Scanner, ScanReport, Severity
from scanner.model.image_facts import ImageFacts
from scanner.model.judgement import Decision, Remedy, Subject
from scanner.model.lineage import Lineage
from scanner.model.policy import AppliedPolicy
from scanner.model.reference import Digest, ImageReference, Platform
from scanner.model.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformVerdict:
    """The verdict on one platform's image of an index."""

    platform: Platform
    digest: Digest
    verdict: Verdict
    report_id: str
    counts: Mapping[Severity, int]
    """Findings by severity, all five; empty where the image was not examined."""
    turns_at: datetime | None = None
    """As in that platform's report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that was judged about one manifest, as it is stored and shown."""

    SCHEMA: ClassVar[str] = "pushscan.report/v1"

    id: str
    image: ImageReference
    job_id: str
    requested_at: datetime
    as_of: datetime
    """When the examination began; of two reports on one image the later one is current."""
    finished_at: datetime
    verdict: Verdict
    policy: AppliedPolicy
    scanner: Scanner | None = None
    advisories: Advisories | None = None
    platform: Platform | None = None
    scan: ScanReport | None = None
    platforms: tuple[PlatformVerdict, ...] = ()
    """Set for an index, one entry a platform."""
    config_digest: Digest | None = None
    layers: tuple[Digest, ...] = ()
    """diff_ids of the layers, bottom first, each verified."""
    facts: ImageFacts | None = None
    """What the image's config says of it; None for an index, and for what is no image."""
    lineage: Lineage | None = None
    """Where it comes from; None for an index, and for what was not examined."""
    decisions: tuple[Decision, ...] = ()
    """One for each of `subjects`, in their order; none where nothing was judged, and for an index.
    """
    remedies: tuple[Remedy, ...] = ()
    """The smallest set of changes that makes an unhealthy image healthy, most cleared first."""

    turns_at: datetime | None = None
    """The next moment at which time alone may change a decision: an exemption ends, say."""

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """All that a policy may decide about: findings, secrets, misconfigurations."""
        findings = self.scan.findings if self.scan else ()
        secrets = self.scan.weaknesses if self.scan else ()
        return (*findings, *secrets, *(self.facts.weaknesses if self.facts else ()))

    def severity_counts(self) -> Mapping[Severity, int]:
        """Count the findings by severity, worst first; empty where nothing was examined.

        Of an index: the most that one platform has, since platforms share most of their findings.
        """
        if self.scan:
            return {s: sum(f.severity is s for f in self.scan.findings) for s in reversed(Severity)}
        examined = [entry.counts for entry in self.platforms if entry.counts]
        if not examined:
            return {}
        return {s: max(counts[s] for counts in examined) for s in reversed(Severity)}
