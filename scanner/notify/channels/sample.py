"""An announcement on an image that does not exist, to try a route with."""

import secrets
from datetime import datetime

from scanner.model import (
    Finding,
    FixStatus,
    Origin,
    Remedy,
    RemedyKind,
    Severity,
    TransitionKind,
)
from scanner.notify.announcement import Announcement

_IDS = ("CVE-2019-10744", "CVE-2018-16487")


def sample(now: datetime) -> Announcement:
    """Return one that says of itself that it is a test; each has an id of its own."""
    return Announcement(
        id=secrets.token_hex(32),
        kind=TransitionKind.NEWLY_UNHEALTHY,
        registry="test.invalid",
        repository="this-is-a-test/no-real-image",
        tag="v1",
        other_tags=(),
        digest="sha256:" + "0" * 64,
        since=now,
        at=now,
        verdict="unhealthy",
        verdict_before="healthy",
        rule="test",
        explanation="This is a test of the route by `pushscan notify test`. Nothing has happened.",
        severity=Severity.CRITICAL,
        counts={Severity.CRITICAL: 1, Severity.HIGH: 1},
        remedies=(
            Remedy(
                kind=RemedyKind.UPGRADE,
                target="lodash",
                package_type="npm",
                installed_version="4.17.4",
                wanted_version="4.17.12",
                origin=Origin.THIS_PUSH,
                clears=_IDS,
            ),
        ),
        remedies_total=1,
        findings=(
            _finding(_IDS[0], "4.17.12", Severity.CRITICAL, "Prototype pollution in defaultsDeep"),
            _finding(_IDS[1], "4.17.11", Severity.HIGH, "Prototype pollution in utilities"),
        ),
        findings_total=2,
        new_total=2,
        expiring=(),
        advisories="none: this is a test",
        report_id="",
        link="",
    )


def _finding(vulnerability: str, fixed_version: str, severity: Severity, title: str) -> Finding:
    return Finding(
        vulnerability=vulnerability,
        severity=severity,
        severity_source="nvd",
        package="lodash",
        installed_version="4.17.4",
        fixed_version=fixed_version,
        status=FixStatus.FIXED,
        package_class="lang-pkgs",
        package_type="npm",
        target="app/package-lock.json",
        package_path="",
        layer_diff_id="",
        title=title,
        url="",
    )
