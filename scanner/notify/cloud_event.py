"""An announcement as a CloudEvent 1.0 in structured JSON: what people need to act, and no more.

Values are plain text, not Markdown or HTML. Never more than 64 KiB: every text and every list is
cut.
"""

import json
from typing import Any

from scanner.model import Decision, Finding, Remedy, Weakness
from scanner.notify.announcement import Announcement
from scanner.notify.headline import headline, image_name
from scanner.notify.plain_text import plain
from scanner.storage.moments import to_text

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
MAX_BODY_BYTES = 64 * 1024
MAX_TAGS = 16
MAX_CLEARED = 5
MAX_EXPIRING = 5

_TYPE = "dev.pushscan.image."
_MAXIMUM_TITLE = 200
_MAXIMUM_NAME = 200
_MAXIMUM_ID = 64
_MAXIMUM_EXPLANATION = 1_000


def compose(announcement: Announcement) -> bytes:
    """Write the event."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": announcement.id,
        "source": f"https://{announcement.registry}",
        "type": f"{_TYPE}{announcement.kind}",
        "subject": f"{announcement.repository}@{announcement.digest}",
        "time": to_text(announcement.at),
        "datacontenttype": "application/json",
        "data": _data(announcement),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _data(announcement: Announcement) -> dict[str, Any]:
    status, _, reason = announcement.verdict.rstrip(")").partition("(")
    return {
        "summary": headline(announcement),
        "kind": announcement.kind.value,
        "image": image_name(announcement),
        "registry": announcement.registry,
        "repository": announcement.repository,
        "digest": announcement.digest,
        "tag": announcement.tag,
        "other_tags": list(announcement.other_tags[:MAX_TAGS]),
        "since": to_text(announcement.since),
        "verdict": status,
        "reason": reason or None,
        "verdict_before": announcement.verdict_before or None,
        "rule": plain(announcement.rule, _MAXIMUM_NAME),
        "explanation": plain(announcement.explanation, _MAXIMUM_EXPLANATION),
        "counts": {severity.name: count for severity, count in announcement.counts.items()},
        "remedies": [_remedy(remedy) for remedy in announcement.remedies],
        "remedies_total": announcement.remedies_total,
        "findings": [_finding(finding) for finding in announcement.findings],
        "findings_total": announcement.findings_total,
        "new_total": announcement.new_total,
        "expiring": [_exemption(one) for one in announcement.expiring[:MAX_EXPIRING]],
        "expiring_total": len(announcement.expiring),
        "advisories": plain(announcement.advisories, _MAXIMUM_NAME) or None,
        "report_id": announcement.report_id,
        "link": announcement.link or None,
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    return {
        "kind": remedy.kind.value,
        "target": plain(remedy.target, _MAXIMUM_NAME),
        "installed_version": plain(remedy.installed_version, _MAXIMUM_NAME),
        "wanted_version": plain(remedy.wanted_version, _MAXIMUM_NAME),
        "clears": [plain(name, _MAXIMUM_ID) for name in remedy.clears[:MAX_CLEARED]],
        "clears_total": len(remedy.clears),
    }


def _finding(finding: Finding | Weakness) -> dict[str, str]:
    if isinstance(finding, Weakness):
        return {
            "weakness": plain(finding.id, _MAXIMUM_NAME),
            "severity": finding.severity.name,
            "path": plain(finding.path, _MAXIMUM_NAME),
            "title": plain(finding.title, _MAXIMUM_TITLE),
        }
    return {
        "vulnerability": plain(finding.vulnerability, _MAXIMUM_NAME),
        "severity": finding.severity.name,
        "package": plain(finding.package, _MAXIMUM_NAME),
        "installed_version": plain(finding.installed_version, _MAXIMUM_NAME),
        "fixed_version": plain(finding.fixed_version, _MAXIMUM_NAME),
        "title": plain(finding.title, _MAXIMUM_TITLE),
    }


def _exemption(decision: Decision) -> dict[str, Any]:
    subject = decision.subject
    if isinstance(subject, Weakness):
        accepted = {"weakness": plain(subject.id, _MAXIMUM_ID)}
    else:
        accepted = {
            "vulnerability": plain(subject.vulnerability, _MAXIMUM_ID),
            "package": plain(subject.package, _MAXIMUM_NAME),
        }
    ends = to_text(decision.due) if decision.due else None
    return {"exemption": plain(decision.exemption, _MAXIMUM_NAME), "ends": ends, **accepted}
