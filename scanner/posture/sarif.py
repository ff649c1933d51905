"""Assessments as SARIF 2.1.0 (OASIS), for GitHub code scanning and Azure DevOps."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from scanner.posture.assessment import RULES, Assessment, Finding
from scanner.posture.rule import Outcome, Rule, Severity

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORES: Final = {
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.0",
    Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}
"""What GitHub sorts by ("security-severity")."""
_KINDS: Final = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "fail",
    Outcome.NOT_APPLICABLE: "notApplicable",
    Outcome.UNKNOWN: "open",
}
_INDEXES: Final = {rule.id: index for index, rule in enumerate(RULES)}


def sarif(assessments: Iterable[Assessment]) -> dict[str, Any]:
    """Write one run with a result for each finding; an accepted one is suppressed."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "pushscan posture", "rules": [*map(_rule, RULES)]}},
                "results": [
                    _result(assessment, finding)
                    for assessment in assessments
                    for finding in assessment.findings
                ],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    policies = "".join(f"\nAzure Policy: {policy}" for policy in rule.policies)
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.control.replace("-", " ").split()),
        "shortDescription": {"text": rule.control},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\nReads: {rule.reads}{policies}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"security-severity": _SCORES[rule.severity], "tags": ["security"]},
    }


def _result(assessment: Assessment, finding: Finding) -> dict[str, Any]:
    remedy = f"\nTo mend: {finding.remedy}" if finding.remedy else ""
    target = assessment.resource_id or assessment.registry
    # A file's place, because viewers show no result that has none; the registry is no file.
    place = quote(target.strip("/"), safe="/")
    is_fail = finding.outcome is Outcome.FAIL
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "kind": _KINDS[finding.outcome],
        # SARIF 3.27.10: a result that is no failure has no level.
        "level": _LEVELS[finding.severity] if is_fail else "none",
        "message": {"text": f"{assessment.registry}: {finding.evidence}{remedy}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": place}},
                "logicalLocations": [{"fullyQualifiedName": target, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"registryAndRule/v1": _fingerprint(target, finding.rule)},
    }
    if finding.rule in _INDEXES:
        result["ruleIndex"] = _INDEXES[finding.rule]
    if finding.exemption:
        said = f"{finding.exemption.owner}: {finding.exemption.reason}"
        until = f"{said} (until {finding.exemption.expires})"
        result["suppressions"] = [{"kind": "external", "justification": until}]
    return result


def _fingerprint(target: str, rule: str) -> str:
    return hashlib.sha256(f"{target.casefold()}\n{rule}".encode()).hexdigest()
