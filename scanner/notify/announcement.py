"""What is told of one transition, whichever channel it goes through."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from scanner.model import Finding, Remedy, Severity, TransitionKind, Weakness


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """What an exemption lets pass that ends soon, and who says so."""

    subject: Finding | Weakness
    exemption: str
    """Its id."""
    ends: datetime
    owner: str = ""
    """Empty, like the reason, where the exemptions are gone that the report was judged by."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What happened, to what, since when; what to change; where to read on.

    Text in here is as it came from image and advisory: a renderer escapes and cuts all of it.
    """

    id: str
    """64 hex digits, the same at each attempt: receivers drop repeats by it."""
    kind: TransitionKind
    registry: str
    repository: str
    tag: str | None
    """None for an image that no tag names."""
    other_tags: tuple[str, ...]
    """Those that name the same digest in the same repository; this one message is theirs too."""
    digest: str
    since: datetime
    """Since when the image is as it is now; of a resolved one, since when it was as before."""
    at: datetime
    verdict: str
    """As `unhealthy` or `unknown(timeout)`."""
    verdict_before: str
    """Empty for an image that was never judged before."""
    rule: str
    explanation: str
    severity: Severity | None
    """Of the worst finding that blocks; None where none does."""
    counts: Mapping[Severity, int]
    """All findings, worst first; empty where nothing was examined."""
    remedies: tuple[Remedy, ...]
    """At most three, those that clear most."""
    remedies_total: int
    findings: tuple[Finding | Weakness, ...]
    """At most five that block, new ones first, then the worst."""
    findings_total: int
    """How many block."""
    new_total: int
    """How many of them were not told of before."""
    expiring: tuple[Expiring, ...]
    """Where an exemption expires: what it accepts still, first to end first."""
    advisories: str
    """Where they came from; empty where none were used."""
    report_id: str
    link: str
    """Where to read on; empty where no such place is set."""
