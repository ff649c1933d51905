"""Findings in the shape of Defender for Containers' sub-assessments, so that queries port over.

Names and values: Microsoft Learn, "Container vulnerability assessments REST API". What Pushscan
does not know (how exploits are published, vectors, weaknesses) is null or left out, never guessed;
what Defender has no place for stands under `pushscan`.
"""

import uuid
from typing import Any, Final

from scanner.exports.document import canonical
from scanner.exports.exported import Exported, PlatformReport, decisions, weightiest_first
from scanner.exports.sarif_text import fingerprint
from scanner.model import Decision, Finding, FixStatus, Outcome, Report, Severity

_SUB_ASSESSMENTS: Final = uuid.UUID("2c8b4f0e-6a35-5d0c-9a0e-5b8a3b1a7c52")
"""The namespace of our records' names; made up once."""
_FIX_STATUSES: Final = {
    FixStatus.FIXED: "FixAvailable",
    FixStatus.AFFECTED: "NoFixAvailable",
    FixStatus.END_OF_LIFE: "NoFixAvailable",
    FixStatus.UNDER_INVESTIGATION: "Unknown",
    FixStatus.UNKNOWN: "Unknown",
    FixStatus.NOT_AFFECTED: "Unknown",
    FixStatus.FIX_DEFERRED: "Scheduled",
    FixStatus.WILL_NOT_FIX: "WontFix",
}
_LANGUAGES: Final = {
    "bundler": "ruby",
    "cargo": "rust",
    "composer": "php",
    "composer-vendor": "php",
    "dotnet-core": ".net",
    "gemspec": "ruby",
    "gobinary": "go",
    "gomod": "go",
    "jar": "java",
    "node-pkg": "javascript",
    "nuget": ".net",
    "pom": "java",
    "python-pkg": "python",
    "rustbinary": "rust",
}


def defender(about: Exported) -> bytes:
    """Write one record for each vulnerability of each package of each platform."""
    records = [
        _record(about, one, one.report, decision)
        for one in about.platforms
        if one.report is not None
        for decision in weightiest_first(decisions(one.report))
        if isinstance(decision.subject, Finding)
    ]
    return canonical({"value": records})


def _record(
    about: Exported, one: PlatformReport, report: Report, decision: Decision
) -> dict[str, Any]:
    finding = decision.subject
    if not isinstance(finding, Finding):
        raise TypeError("Defender's records are about vulnerabilities")
    named = f"{about.image.registry}/{about.image.repository}@{one.digest}"
    place = f"{finding.target}|{finding.package_path}|{finding.installed_version}"
    name = str(uuid.uuid5(_SUB_ASSESSMENTS, f"{named}|{fingerprint(finding)}|{place}"))
    when = report.as_of.isoformat().replace("+00:00", "Z")
    return {
        "id": f"/pushscan/{about.image.registry}/subassessments/{name}",
        "name": name,
        "type": "microsoft.security/assessments/subassessments",
        "properties": {
            "id": finding.vulnerability,
            "displayName": finding.vulnerability,
            "description": finding.title,
            "remediation": _remediation(finding),
            "category": "Vulnerability",
            "timeGenerated": when,
            "status": _status(decision),
            "resourceDetails": {
                "source": "Azure",
                "id": f"/repositories/{about.image.repository}/images/{one.digest}",
            },
            "additionalData": {
                "assessedResourceType": "AzureContainerRegistryVulnerability",
                "artifactDetails": _artifact(about, one, report),
                "softwareDetails": _software(finding, report),
                "vulnerabilityDetails": _vulnerability(finding),
                "cvssV30Score": _score(finding),
            },
            "pushscan": {
                "outcome": decision.outcome.value,
                "policyRule": decision.rule,
                "origin": decision.origin.value,
                "platform": str(one.platform or ""),
                "verdict": str(one.verdict),
                "reportId": report.id,
            },
        },
    }


def _status(decision: Decision) -> dict[str, Any]:
    severity = _word(decision.subject.severity)
    if decision.outcome is Outcome.ACCEPTED:
        said = {"code": "NotApplicable", "cause": "Exempt", "description": decision.exemption}
    elif decision.outcome is Outcome.BLOCKS:
        said = {"code": "Unhealthy", "cause": decision.rule, "description": ""}
    else:
        said = {"code": "Healthy", "cause": decision.rule, "description": decision.outcome.value}
    return {**said, "severity": severity}


def _word(severity: Severity) -> str:
    return severity.name.capitalize()


def _artifact(about: Exported, one: PlatformReport, report: Report) -> dict[str, Any]:
    tag = about.image.tag
    pushed = report.requested_at.isoformat().replace("+00:00", "Z")
    return {
        "artifactType": "ContainerImage",
        "registryHost": about.image.registry,
        "repositoryName": about.image.repository,
        "digest": str(one.digest),
        "tags": [tag] if tag else [],
        "lastPushedToRegistryUTC": pushed,
    }


def _software(finding: Finding, report: Report) -> dict[str, Any]:
    system = report.scan.operating_system if report.scan else None
    is_of_system = finding.package_class == "os-pkgs"
    return {
        "category": "OS" if is_of_system else "Language",
        "language": "" if is_of_system else _LANGUAGES.get(finding.package_type, ""),
        "packageName": finding.package,
        "version": finding.installed_version,
        "fixedVersion": finding.fixed_version,
        "fixStatus": "FixAvailable" if finding.is_fixable else _FIX_STATUSES[finding.status],
        "osDetails": {
            "osPlatform": report.platform.os if report.platform else "",
            "osVersion": f"{system.family}_linux_{system.name}" if system else "",
        },
        "evidence": [path] if (path := finding.package_path) else [],
    }


def _vulnerability(finding: Finding) -> dict[str, Any]:
    published = finding.published_at
    score = _score(finding)
    return {
        "cveId": finding.vulnerability,
        "severity": _word(finding.severity),
        "publishedDate": published.isoformat().replace("+00:00", "Z") if published else None,
        "cvss": {"3.0": {"base": score, "cvssVectorString": ""} if score is not None else None},
        "references": [{"title": finding.vulnerability, "link": finding.url}]
        if finding.url
        else [],
        "exploitabilityAssessment": None,
    }


def _score(finding: Finding) -> float | None:
    """Return what the source of the severity says, else the highest that any source does."""
    scores = {r.source: r.score for r in finding.ratings if r.score is not None}
    return scores.get(finding.severity_source, max(scores.values(), default=None))


def _remediation(finding: Finding) -> str:
    if not finding.is_fixable:
        return "No remediation exists"
    return (
        f"Create new image with updated package {finding.package} with version"
        f" {finding.fixed_version} or higher."
    )
