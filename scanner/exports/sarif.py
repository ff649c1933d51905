"""An image's findings as SARIF 2.1.0 (OASIS), for GitHub, Azure DevOps and Ratify.

Ratify's `vulnerabilityreport` verifier looks at the first run alone, wants its driver to be called
Trivy, and takes a result's severity from the first `Severity: X` in the help of its rule; a run
without results passes. So Trivy stays the driver, one run holds all platforms, and an image that
could not be examined has a result that says so.
"""

from collections import Counter
from typing import Any, Final
from urllib.parse import quote

from scanner.exports.document import canonical
from scanner.exports.exported import (
    Exported,
    PlatformReport,
    decisions,
    weightiest_first,
)
from scanner.exports.sarif_rules import UNKNOWN_RULE, identifier, rules
from scanner.exports.sarif_text import fingerprint, message
from scanner.model import Decision, Finding, Outcome, Severity, Subject, Weakness

MEDIA_TYPE: Final = "application/sarif+json"
MAX_RESULTS: Final = 25_000
"""GitHub's limit for a run; it is also that for rules, of which there are never more."""
_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS: Final = {
    Outcome.BLOCKS: "error",
    Outcome.WARNS: "warning",
    Outcome.INFORMS: "note",
}


def sarif(about: Exported) -> bytes:
    """Write the findings on all platforms of an image as one run."""
    placed = _placed(about)
    kept = weightiest_first(list(placed))[:MAX_RESULTS]
    written, rule_ids = rules([decision.subject for decision in kept], about.unexamined)
    seen: Counter[str] = Counter()
    results = [_unexamined(about, one, rule_ids) for one in about.unexamined]
    for decision in kept:
        digest = fingerprint(decision.subject)
        seen[digest] += 1
        results.append(_result(about, decision, placed[decision], rule_ids, seen[digest]))
    run = {
        "tool": {"driver": _driver(about, written), "extensions": [_extension(about)]},
        "automationDetails": {"id": f"pushscan/{about.image.registry}/{about.image.repository}/"},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {"ROOTPATH": {"uri": "file:///"}},
        "invocations": [_invocation(about, left_out=len(placed) - len(kept))],
        "results": results[:MAX_RESULTS],
        "properties": {
            "image": str(about.image),
            "verdict": str(about.report.verdict),
            "platforms": [str(one.platform or "") for one in about.platforms],
        },
    }
    return canonical({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _placed(about: Exported) -> dict[Decision, list[str]]:
    """Gather the decisions, each with the platforms that it was taken for."""
    placed: dict[Decision, list[str]] = {}
    for one in about.platforms:
        for decision in decisions(one.report) if one.report else ():
            placed.setdefault(decision, []).append(str(one.platform or ""))
    return placed


def _driver(about: Exported, written: list[dict[str, Any]]) -> dict[str, Any]:
    scanners = [one.report.scanner for one in about.platforms if one.report and one.report.scanner]
    version = {"version": scanners[0].version} if scanners else {}
    return {
        "name": "Trivy",
        "fullName": "Trivy Vulnerability Scanner",
        "informationUri": "https://github.com/aquasecurity/trivy",
        "rules": written,
        **version,
    }


def _extension(about: Exported) -> dict[str, Any]:
    verdict = about.report.verdict
    return {
        "name": "Pushscan",
        "shortDescription": {"text": "Judges by policy what Trivy found."},
        "properties": {"verdict": str(verdict), "policyRule": verdict.rule},
    }


def _invocation(about: Exported, *, left_out: int) -> dict[str, Any]:
    notes = [
        _note(f"{one.platform or one.digest}: {one.verdict.explanation}", "error")
        for one in about.unexamined
    ]
    if left_out:
        notes.append(_note(f"{left_out} findings of least weight were left out.", "warning"))
    said = {"toolExecutionNotifications": notes} if notes else {}
    return {"executionSuccessful": not about.unexamined, **said}


def _note(text: str, level: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": message(text)}}


def _unexamined(about: Exported, one: PlatformReport, rule_ids: dict[str, int]) -> dict[str, Any]:
    platform = str(one.platform or "")
    return {
        "ruleId": UNKNOWN_RULE,
        "ruleIndex": rule_ids[UNKNOWN_RULE],
        "level": "error",
        "message": {"text": message(f"Not examined: {one.verdict.explanation}")},
        "locations": [_location(about.image.repository, 1, "ROOTPATH")],
        "partialFingerprints": {"platform/v1": platform or "image"},
        "properties": {
            "outcome": "unknown",
            "reason": str(one.verdict.reason or ""),
            "platforms": [platform],
        },
    }


def _result(
    about: Exported,
    decision: Decision,
    platforms: list[str],
    rule_ids: dict[str, int],
    number: int,
) -> dict[str, Any]:
    subject = decision.subject
    digest = fingerprint(subject)
    rule = identifier(subject)
    result = {
        "ruleId": rule,
        "ruleIndex": rule_ids[rule],
        "level": _LEVELS.get(decision.outcome) or _level(subject.severity),
        "message": {"text": _message(subject)},
        "locations": [_place(about, subject)],
        "partialFingerprints": {
            "subject/v1": digest,
            # The one that GitHub reads; it tells equal ones of a run apart by their number.
            "primaryLocationLineHash": f"{digest[:16]}:{number}",
        },
        "properties": {
            "outcome": decision.outcome.value,
            "policyRule": decision.rule,
            "origin": decision.origin.value,
            "severity": subject.severity.name,
            "platforms": platforms,
            **_properties(subject),
        },
    }
    if decision.outcome is Outcome.ACCEPTED:
        result["suppressions"] = [_suppression(decision)]
    return result


def _suppression(decision: Decision) -> dict[str, Any]:
    until = f" until {decision.due:%Y-%m-%d}" if decision.due else ""
    said = f"Accepted by {decision.exemption or 'policy'}{until}."
    return {"kind": "external", "status": "accepted", "justification": message(said)}


def _level(severity: Severity) -> str:
    if severity >= Severity.HIGH:
        return "error"
    return "warning" if severity is Severity.MEDIUM else "note"


def _message(subject: Subject) -> str:
    if isinstance(subject, Weakness):
        return message(subject.title)
    fix = f"fixed in {subject.fixed_version}" if subject.is_fixable else "no fix is published"
    where = f" in {subject.package_path or subject.target}"
    return message(
        f"{subject.package} {subject.installed_version}{where}: {subject.vulnerability},"
        f" {subject.severity.name}, {fix}. {subject.title}"
    )


def _place(about: Exported, subject: Subject) -> dict[str, Any]:
    path = subject.package_path if isinstance(subject, Finding) else subject.path
    line = subject.line if isinstance(subject, Weakness) else 1
    # Viewers show no result without a file; what is of the whole image is filed under its name.
    return _location(path or about.image.repository, max(1, line), "ROOTPATH")


def _location(path: str, line: int, base: str) -> dict[str, Any]:
    uri = quote(path.lstrip("/"), safe="/") or "image"
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "uriBaseId": base},
            "region": {"startLine": line},
        }
    }


def _properties(subject: Subject) -> dict[str, Any]:
    if isinstance(subject, Weakness):
        return {"kind": subject.kind.value, "layerDiffId": subject.layer_diff_id}
    return {
        "kind": "vulnerability",
        "package": subject.package,
        "packageType": subject.package_type,
        "installedVersion": subject.installed_version,
        "fixedVersion": subject.fixed_version,
        "fixStatus": subject.status.value,
        "severitySource": subject.severity_source,
        "layerDiffId": subject.layer_diff_id,
    }
