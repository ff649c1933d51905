"""A report as a CloudEvent 1.0 in structured JSON: what people need to act, and no more.

Values are plain text, not Markdown or HTML; there are no links, because any link in here would
come from an advisory or an image. Never more than 64 KiB: every text and every list is cut.
"""

import json
from typing import Any

from scanner.model import Finding, Report
from scanner.notify.message import resolved_by
from scanner.notify.plain_text import plain
from scanner.storage.moments import to_text

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
MAX_BODY_BYTES = 64 * 1024
TOP_FINDINGS = 5
MAX_PLATFORMS = 32

_TYPE = "dev.pushscan.image."
_MAXIMUM_TITLE = 200
_MAXIMUM_NAME = 200
_MAXIMUM_EXPLANATION = 1_000


def compose(report: Report, *, notice_id: str, tag: str | None) -> bytes:
    """Write the event on a report; `tag` is the newest that names the image, if any does."""
    image = report.image
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": notice_id,
        "source": f"https://{image.registry}",
        "type": f"{_TYPE}{'resolved' if resolved_by(report) else report.verdict.status}",
        "subject": f"{image.repository}@{image.digest}",
        "time": to_text(report.as_of),
        "datacontenttype": "application/json",
        "data": _data(report, tag),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _data(report: Report, tag: str | None) -> dict[str, Any]:
    image, verdict = report.image, report.verdict
    name = f"{image.registry}/{image.repository}:{tag}" if tag else str(image)
    findings = _worst_first(verdict.violations)
    return {
        "image": name,
        "registry": image.registry,
        "repository": image.repository,
        "digest": str(image.digest),
        "tag": tag,
        "platforms": _platforms(report),
        "verdict": verdict.status.value,
        "reason": verdict.reason.value if verdict.reason else None,
        "rule": plain(verdict.rule, _MAXIMUM_NAME),
        "explanation": plain(verdict.explanation, _MAXIMUM_EXPLANATION),
        "counts": {severity.name: count for severity, count in report.severity_counts().items()},
        "findings": [_finding(finding) for finding in findings[:TOP_FINDINGS]],
        "findings_total": len(findings),
        "advisories": plain(report.advisories.source, _MAXIMUM_NAME) if report.advisories else None,
        "report_id": report.id,
    }


def _platforms(report: Report) -> list[dict[str, str]]:
    if report.platform:
        entries = [(report.platform, report.image.digest, report.verdict)]
    else:
        entries = [(entry.platform, entry.digest, entry.verdict) for entry in report.platforms]
    return [
        {
            "platform": plain(str(platform), _MAXIMUM_NAME),
            "digest": str(digest),
            "verdict": str(verdict),
        }
        for platform, digest, verdict in entries[:MAX_PLATFORMS]
    ]


def _worst_first(violations: tuple[Finding, ...]) -> list[Finding]:
    """Order as a person would act: severity, then what can be fixed; each finding once.

    The platforms of an index mostly share their findings.
    """
    distinct = {
        (finding.vulnerability, finding.package, finding.installed_version): finding
        for finding in violations
    }
    return sorted(
        distinct.values(),
        key=lambda f: (-f.severity, not f.is_fixable, f.vulnerability, f.package),
    )


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "vulnerability": plain(finding.vulnerability, _MAXIMUM_NAME),
        "severity": finding.severity.name,
        "package": plain(finding.package, _MAXIMUM_NAME),
        "installed_version": plain(finding.installed_version, _MAXIMUM_NAME),
        "fixed_version": plain(finding.fixed_version, _MAXIMUM_NAME),
        "title": plain(finding.title, _MAXIMUM_TITLE),
    }
