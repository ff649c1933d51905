"""Verdict, findings and weaknesses <-> JSON."""

from typing import Any

from scanner.model import (
    Finding,
    FixStatus,
    NotApplicableReason,
    Rating,
    Severity,
    Status,
    UnknownReason,
    Verdict,
    Weakness,
    WeaknessKind,
)
from scanner.storage.moments import from_text, to_text

JsonObject = dict[str, Any]


def write_verdict(verdict: Verdict) -> JsonObject:
    """Write a verdict."""
    return {
        "status": verdict.status.value,
        "reason": verdict.reason.value if verdict.reason else None,
        "rule": verdict.rule,
        "explanation": verdict.explanation,
        "violations": [write_finding(finding) for finding in verdict.violations],
        "weaknesses": [write_weakness(weakness) for weakness in verdict.weaknesses],
    }


def read_verdict(entry: JsonObject) -> Verdict:
    """Read a verdict. Raises KeyError, TypeError or ValueError."""
    status = Status(entry["status"])
    return Verdict(
        status=status,
        reason=_reason(status, entry["reason"]),
        rule=entry["rule"],
        explanation=entry["explanation"],
        violations=tuple(read_finding(finding) for finding in entry["violations"]),
        # Verdicts that were written before these were listed have no such member.
        weaknesses=tuple(read_weakness(weakness) for weakness in entry.get("weaknesses", ())),
    )


def _reason(status: Status, text: str | None) -> UnknownReason | NotApplicableReason | None:
    if text is None:
        return None
    if status is Status.NOT_APPLICABLE:
        return NotApplicableReason(text)
    return UnknownReason(text)


def write_finding(finding: Finding) -> JsonObject:
    """Write a finding, its text as it came: whoever shows it escapes it."""
    return {
        "vulnerability": finding.vulnerability,
        "severity": finding.severity.name,
        "severity_source": finding.severity_source,
        "package": finding.package,
        "installed_version": finding.installed_version,
        "fixed_version": finding.fixed_version,
        "status": finding.status.value,
        "package_class": finding.package_class,
        "package_type": finding.package_type,
        "target": finding.target,
        "package_path": finding.package_path,
        "layer_diff_id": finding.layer_diff_id,
        "title": finding.title,
        "url": finding.url,
        "ratings": [_write_rating(rating) for rating in finding.ratings],
        "published_at": to_text(finding.published_at) if finding.published_at else None,
    }


def read_finding(entry: JsonObject) -> Finding:
    """Read a finding. Raises KeyError, TypeError or ValueError."""
    return Finding(
        vulnerability=entry["vulnerability"],
        severity=Severity[entry["severity"]],
        severity_source=entry["severity_source"],
        package=entry["package"],
        installed_version=entry["installed_version"],
        fixed_version=entry["fixed_version"],
        status=FixStatus(entry["status"]),
        package_class=entry["package_class"],
        package_type=entry["package_type"],
        target=entry["target"],
        package_path=entry["package_path"],
        layer_diff_id=entry["layer_diff_id"],
        title=entry["title"],
        url=entry["url"],
        ratings=tuple(_read_rating(rating) for rating in entry["ratings"]),
        published_at=from_text(entry["published_at"])
        if entry["published_at"] is not None
        else None,
    )


def write_weakness(weakness: Weakness) -> JsonObject:
    """Write a weakness: where it is, never what it is."""
    return {
        "kind": weakness.kind.value,
        "id": weakness.id,
        "severity": weakness.severity.name,
        "title": weakness.title,
        "path": weakness.path,
        "line": weakness.line,
        "layer_diff_id": weakness.layer_diff_id,
    }


def read_weakness(entry: JsonObject) -> Weakness:
    """Read a weakness. Raises KeyError, TypeError or ValueError."""
    return Weakness(
        kind=WeaknessKind(entry["kind"]),
        id=entry["id"],
        severity=Severity[entry["severity"]],
        title=entry["title"],
        path=entry["path"],
        line=int(entry["line"]),
        layer_diff_id=entry["layer_diff_id"],
    )


def _write_rating(rating: Rating) -> JsonObject:
    return {
        "source": rating.source,
        "severity": rating.severity.name if rating.severity is not None else None,
        # As text: how fractions are written is where canonical JSON is hard (RFC 8785, 3.2.2.3).
        "score": f"{rating.score:.1f}" if rating.score is not None else None,
    }


def _read_rating(entry: JsonObject) -> Rating:
    severity, score = entry["severity"], entry["score"]
    return Rating(
        source=entry["source"],
        severity=Severity[severity] if severity is not None else None,
        score=float(score) if score is not None else None,
    )
