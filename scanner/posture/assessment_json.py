"""Assessment <-> JSON, as `--format json` prints it and the archive keeps it."""

import json
from datetime import date
from typing import Any

from scanner.errors import InvalidMessageError, PostureError
from scanner.posture.assessment import RULES_BY_ID, Assessment, Finding
from scanner.posture.exemptions import Exemption
from scanner.posture.rule import Outcome, Severity
from scanner.storage.moments import from_text, to_text
from scanner.strict_json import parse_object

JsonObject = dict[str, Any]

SCHEMA_VERSION = 1
MAX_BYTES = 1024 * 1024


def write_assessment(assessment: Assessment) -> JsonObject:
    """Write an assessment; what a reader needs of the rules stands beside each finding."""
    return {
        "schema_version": SCHEMA_VERSION,
        "registry": assessment.registry,
        "resource_id": assessment.resource_id,
        "sku": assessment.sku,
        "location": assessment.location,
        "replicas": list(assessment.replicas),
        "cache_sources": list(assessment.cache_sources),
        "assessed_at": to_text(assessment.assessed_at),
        "findings": [_write_finding(finding) for finding in assessment.findings],
    }


def _write_finding(finding: Finding) -> JsonObject:
    rule = RULES_BY_ID.get(finding.rule)
    accepted = finding.exemption
    return {
        "rule": finding.rule,
        "control": rule.control if rule else None,
        "outcome": finding.outcome.value,
        "severity": finding.severity.name,
        "evidence": finding.evidence,
        "remedy": finding.remedy or None,
        "policies": list(rule.policies) if rule else [],
        "exemption": accepted
        and {
            "registry": accepted.registry,
            "rule": accepted.rule,
            "owner": accepted.owner,
            "reason": accepted.reason,
            "expires": accepted.expires.isoformat(),
        },
    }


def encode(assessment: Assessment) -> bytes:
    """Write an assessment as UTF-8 JSON."""
    return json.dumps(write_assessment(assessment)).encode()


def decode(untrusted_document: bytes) -> Assessment:
    """Read what `encode` wrote, maybe by an older version. Raises PostureError."""
    try:
        document = parse_object(untrusted_document, max_bytes=MAX_BYTES)
        return _read(document)
    except (InvalidMessageError, KeyError, TypeError, ValueError) as error:
        raise PostureError("a stored assessment cannot be read") from error


def _read(document: JsonObject) -> Assessment:
    if document["schema_version"] != SCHEMA_VERSION:
        raise ValueError("schema_version")
    return Assessment(
        registry=document["registry"],
        resource_id=document["resource_id"],
        sku=document["sku"],
        location=document["location"],
        replicas=tuple(document["replicas"]),
        cache_sources=tuple(document["cache_sources"]),
        assessed_at=from_text(document["assessed_at"]),
        findings=tuple(map(_read_finding, document["findings"])),
    )


def _read_finding(entry: JsonObject) -> Finding:
    accepted = entry["exemption"]
    return Finding(
        rule=entry["rule"],
        outcome=Outcome(entry["outcome"]),
        severity=Severity[entry["severity"]],
        evidence=entry["evidence"],
        remedy=entry["remedy"] or "",
        exemption=accepted
        and Exemption(**{**accepted, "expires": date.fromisoformat(accepted["expires"])}),
    )
