"""All rules over one snapshot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner.posture import access, content, governance, network
from scanner.posture.exemptions import Exemption
from scanner.posture.known import Unknown
from scanner.posture.rule import Outcome, Rule, Severity
from scanner.posture.snapshot import Snapshot

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted(
        (*access.RULES, *network.RULES, *content.RULES, *governance.RULES),
        key=lambda rule: rule.id,
    )
)
RULES_BY_ID: Final = {rule.id: rule for rule in RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule found, and whether somebody has accepted it."""

    rule: str
    outcome: Outcome
    severity: Severity
    evidence: str
    remedy: str = ""
    exemption: Exemption | None = None

    @property
    def is_open(self) -> bool:
        """Whether it fails and nobody has accepted that."""
        return self.outcome is Outcome.FAIL and self.exemption is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The findings on one registry at one moment, in the order of the rules."""

    registry: str
    resource_id: str
    sku: str
    location: str
    replicas: tuple[str, ...]
    cache_sources: tuple[str, ...]
    assessed_at: datetime
    findings: tuple[Finding, ...]

    def open_from(self, severity: Severity) -> tuple[Finding, ...]:
        """Return what fails, is not accepted, and weighs so much or more."""
        return tuple(f for f in self.findings if f.is_open and f.severity >= severity)

    def unknown_from(self, severity: Severity) -> tuple[Finding, ...]:
        """Return what could not be told, of so much weight or more."""
        return tuple(
            finding
            for finding in self.findings
            if finding.outcome is Outcome.UNKNOWN and finding.severity >= severity
        )


def assess(
    snapshot: Snapshot, *, exemptions: Iterable[Exemption] = (), now: datetime
) -> Assessment:
    """Put every rule to a snapshot."""
    accepted = tuple(exemptions)
    return Assessment(
        registry=snapshot.name,
        resource_id=snapshot.resource_id,
        sku=_text(snapshot.sku),
        location=snapshot.location,
        replicas=_texts(snapshot.replicas),
        cache_sources=_texts(snapshot.cache_sources),
        assessed_at=now,
        findings=tuple(_find(rule, snapshot, accepted, now) for rule in RULES),
    )


def _find(rule: Rule, snapshot: Snapshot, accepted: Sequence[Exemption], now: datetime) -> Finding:
    found = rule.judge(snapshot)
    today = now.date()
    covering = (given for given in accepted if given.covers(snapshot.name, rule.id, today))
    return Finding(
        rule=rule.id,
        outcome=found.outcome,
        severity=rule.severity if found.severity is None else found.severity,
        evidence=found.evidence,
        remedy=found.remedy,
        exemption=next(covering, None) if found.outcome is Outcome.FAIL else None,
    )


def _text(value: str | Unknown) -> str:
    return "unknown" if isinstance(value, Unknown) else str(value)


def _texts(values: tuple[str, ...] | Unknown) -> tuple[str, ...]:
    return () if isinstance(values, Unknown) else values
