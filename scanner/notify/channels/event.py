"""An announcement as a CloudEvent 1.0: what programs need to act, and no more.

Values are plain text, not Markdown or HTML; the only address is our own. Never more than 64 KiB:
every text and every list is cut.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from scanner.model import Finding, Remedy, Weakness
from scanner.notify.announcement import Announcement, Expiring
from scanner.notify.channels.headline import headline
from scanner.notify.plain_text import plain
from scanner.storage.moments import to_text

MAX_BODY_BYTES: Final = 64 * 1024
"""What every consumer of CloudEvents has to take (specification 1.0, "Size Limits")."""

_TYPE = "dev.pushscan.image."
_MAXIMUM_NAME = 120
_MAXIMUM_TITLE = 200
_MAXIMUM_REASON = 200
_MAXIMUM_EXPLANATION = 1_000
_MAXIMUM_FINDINGS = 5
_MAXIMUM_REMEDIES = 3
_MAXIMUM_TAGS = 10
_MAXIMUM_LIST = 5


def compose(told: Announcement) -> bytes:
    """Write the event in structured JSON."""
    event = {
        "specversion": "1.0",
        "id": told.id,
        **attributes(told),
        "time": to_text(told.at),
        "datacontenttype": "application/json",
        "data": data(told),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def attributes(told: Announcement) -> dict[str, str]:
    """Say where the event is from, of what type it is and what it is about."""
    return {
        "source": f"https://{told.registry}",
        "type": f"{_TYPE}{told.kind.value}",
        "subject": f"{_name(told.repository)}@{_name(told.digest)}",
    }


def data(told: Announcement) -> dict[str, Any]:
    """Return what the event says."""
    repository, tag = _name(told.repository), told.tag and _name(told.tag)
    status, _, reason = told.verdict.rstrip(")").partition("(")
    end = f":{tag}" if tag else f"@{_name(told.digest)}"
    return {
        "summary": headline(told),
        "kind": told.kind.value,
        "image": f"{told.registry}/{repository}{end}",
        "registry": told.registry,
        "repository": repository,
        "digest": _name(told.digest),
        "tag": tag,
        "other_tags": _names(told.other_tags, _MAXIMUM_TAGS),
        "since": to_text(told.since),
        "at": to_text(told.at),
        "verdict": _name(status),
        "reason": _name(reason) or None,
        "verdict_before": _name(told.verdict_before) or None,
        "rule": _name(told.rule),
        "explanation": plain(told.explanation, _MAXIMUM_EXPLANATION),
        "severity": told.severity.name if told.severity is not None else None,
        "counts": {severity.name: number for severity, number in told.counts.items()},
        "remedies": [_remedy(remedy) for remedy in told.remedies[:_MAXIMUM_REMEDIES]],
        "remedies_total": told.remedies_total,
        "findings": [_found(found) for found in told.findings[:_MAXIMUM_FINDINGS]],
        "findings_total": told.findings_total,
        "new_total": told.new_total,
        "expiring": [_expiring(one) for one in told.expiring[:_MAXIMUM_LIST]],
        "expiring_total": len(told.expiring),
        "advisories": _name(told.advisories) or None,
        "report_id": _name(told.report_id),
        "link": told.link or None,
    }


def _name(untrusted: str) -> str:
    return plain(untrusted, _MAXIMUM_NAME)


def _names(untrusted: Sequence[str], limit: int) -> list[str]:
    return list(map(_name, untrusted[:limit]))


def _remedy(remedy: Remedy) -> dict[str, object]:
    return {
        "kind": remedy.kind.value,
        "target": _name(remedy.target),
        "package_type": _name(remedy.package_type),
        "installed_version": _name(remedy.installed_version),
        "wanted_version": _name(remedy.wanted_version),
        "origin": remedy.origin.value,
        "clears": _names(remedy.clears, _MAXIMUM_LIST),
        "clears_total": len(remedy.clears),
    }


def _found(found: Finding | Weakness) -> dict[str, object]:
    return {**_subject(found), "title": plain(found.title, _MAXIMUM_TITLE)}


def _subject(found: Finding | Weakness) -> dict[str, object]:
    if isinstance(found, Weakness):
        return {
            "weakness": _name(found.id),
            "kind": found.kind.value,
            "severity": found.severity.name,
            "path": _name(found.path),
            "line": found.line,
        }
    return {
        "vulnerability": _name(found.vulnerability),
        "severity": found.severity.name,
        "package": _name(found.package),
        "installed_version": _name(found.installed_version),
        "fixed_version": _name(found.fixed_version),
    }


def _expiring(one: Expiring) -> dict[str, object]:
    return {
        **_subject(one.subject),
        "exemption": _name(one.exemption),
        "owner": _name(one.owner) or None,
        "reason": plain(one.reason, _MAXIMUM_REASON) or None,
        "ends": to_text(one.ends),
    }
