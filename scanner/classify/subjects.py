"""What rules ask of a finding and of the image that it is in."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from scanner.model import Finding, Kind, Report, Severity, Subject, Weakness, WeaknessKind

_FIRST_IMAGES: Final = datetime(2013, 1, 1, tzinfo=UTC)
"""Before there were container images; reproducible builds write 1970, or 1980 for zip's sake."""
_KINDS: Final = {
    WeaknessKind.SECRET: Kind.SECRET,
    WeaknessKind.MISCONFIGURATION: Kind.MISCONFIGURATION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The image, as rules ask about it."""

    registry: str
    repository: str
    tag: str | None
    digest: str
    built_at: datetime | None
    """None where it is not known."""
    is_end_of_life: bool
    as_of: datetime

    @classmethod
    def of(cls, report: Report) -> Self:
        """Gather what a report says."""
        created_at = report.facts.created_at if report.facts else None
        system = report.scan.operating_system if report.scan else None
        return cls(
            registry=report.image.registry,
            repository=report.image.repository,
            tag=report.policy.tag,
            digest=str(report.image.digest),
            built_at=created_at if created_at and created_at > _FIRST_IMAGES else None,
            is_end_of_life=system is not None and system.is_end_of_life,
            as_of=report.as_of,
        )

    def is_past(self, moment: datetime, days: int) -> bool:
        """Whether so many days have gone by since a moment."""
        return self.as_of >= after(moment, days)


def after(moment: datetime, days: int) -> datetime:
    """Return a moment so many days later, or the last one that there is."""
    try:
        return moment + timedelta(days=days)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def kind_of(subject: Subject) -> Kind:
    """Say what a policy calls this."""
    return _KINDS[subject.kind] if isinstance(subject, Weakness) else Kind.VULNERABILITY


def id_of(subject: Subject) -> str:
    """Return the id by which rules and exemptions name it."""
    return subject.id if isinstance(subject, Weakness) else subject.vulnerability


def severity_of(subject: Subject, sources: tuple[str, ...]) -> Severity:
    """Return the severity that counts: of the first of these sources that gives one."""
    if isinstance(subject, Finding):
        by_source = {rating.source: rating.severity for rating in subject.ratings}
        for source in sources:
            if (severity := by_source.get(source)) is not None:
                return severity
    return subject.severity


def score_of(finding: Finding, sources: tuple[str, ...]) -> float | None:
    """Return the CVSS score that counts; of sources that nobody has ordered the highest."""
    scores = {r.source: r.score for r in finding.ratings if r.score is not None}
    for source in (*sources, finding.severity_source):
        if source in scores:
            return scores[source]
    return max(scores.values(), default=None)
