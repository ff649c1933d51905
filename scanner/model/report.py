"""Everything that was judged about one manifest, as it is stored and shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from scanner.model.findings import Advisories, Scanner, ScanReport, Severity
from scanner.model.reference import Digest, ImageReference, Platform
from scanner.model.verdict import Policy, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformVerdict:
    """The verdict on one platform's image of an index."""

    platform: Platform
    digest: Digest
    verdict: Verdict
    report_id: str
    counts: Mapping[Severity, int]
    """Findings by severity, all five; empty where the image was not examined."""


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
    policy: Policy
    scanner: Scanner | None = None
    advisories: Advisories | None = None
    platform: Platform | None = None
    scan: ScanReport | None = None
    platforms: tuple[PlatformVerdict, ...] = ()
    """Set for an index, one entry a platform."""
    config_digest: Digest | None = None
    layers: tuple[Digest, ...] = ()
    """diff_ids of the layers, bottom first, each verified."""

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
