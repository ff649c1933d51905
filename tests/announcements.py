"""Fixed announcements, one a kind of transition, as messages are reviewed by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scanner.model import (
    Finding,
    FixStatus,
    Origin,
    Remedy,
    RemedyKind,
    Severity,
    TransitionKind,
    Weakness,
    WeaknessKind,
)
from scanner.notify.announcement import Announcement, Expiring

SINCE = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def _finding(vulnerability: str, package: str, versions: str, severity: Severity) -> Finding:
    installed, _, fixed = versions.partition(" -> ")
    return Finding(
        vulnerability=vulnerability,
        severity=severity,
        severity_source="nvd",
        package=package,
        installed_version=installed,
        fixed_version=fixed,
        status=FixStatus.FIXED if fixed else FixStatus.AFFECTED,
        package_class="lang-pkgs",
        package_type="npm",
        target="app/package-lock.json",
        package_path="",
        layer_diff_id="sha256:" + "1a" * 32,
        title=f"{package}: {_TITLES[vulnerability]}",
        url=f"https://avd.aquasec.com/nvd/{vulnerability.lower()}",
    )


_TITLES = {
    "CVE-2019-10744": "prototype pollution in defaultsDeep function leading to modifying "
    "properties",
    "CVE-2018-16487": "Prototype pollution in utilities function",
    "CVE-2019-10906": "str.format_map allows sandbox escape",
    "CVE-2023-0464": "Denial of service by excessive resource usage in verifying X509 policy "
    "constraints",
}
_LODASH = _finding("CVE-2019-10744", "lodash", "4.17.4 -> 4.17.12", Severity.CRITICAL)
_OLDER = _finding("CVE-2018-16487", "lodash", "4.17.4 -> 4.17.11", Severity.HIGH)
_JINJA = _finding("CVE-2019-10906", "Jinja2", "2.10 -> 2.10.1", Severity.HIGH)
_OPENSSL = _finding("CVE-2023-0464", "libssl3", "3.0.8-1", Severity.HIGH)
_SECRET = Weakness(
    kind=WeaknessKind.SECRET,
    id="github-pat",
    severity=Severity.CRITICAL,
    title="GitHub Personal Access Token",
    path="/app/.env",
    line=3,
)
_REMEDIES = (
    Remedy(
        kind=RemedyKind.REBASE,
        target="debian",
        wanted_version="12.8",
        origin=Origin.BASE,
        clears=("CVE-2023-0464", "CVE-2023-0465", "CVE-2023-0466", "CVE-2023-2650"),
    ),
    Remedy(
        kind=RemedyKind.UPGRADE,
        target="lodash",
        package_type="npm",
        installed_version="4.17.4",
        wanted_version="4.17.12",
        origin=Origin.THIS_PUSH,
        clears=("CVE-2018-16487", "CVE-2019-10744"),
    ),
    Remedy(
        kind=RemedyKind.REMOVE,
        target="/app/.env",
        origin=Origin.EARLIER,
        clears=("github-pat",),
    ),
)

NEWLY_UNHEALTHY = Announcement(
    id="ab" * 32,
    kind=TransitionKind.NEWLY_UNHEALTHY,
    registry="contoso.azurecr.io",
    repository="shop/cart",
    tag="v7",
    other_tags=("latest", "prod"),
    digest="sha256:" + "5e" * 32,
    since=SINCE,
    at=SINCE,
    verdict="unhealthy",
    verdict_before="healthy",
    rule="critical-and-high-with-a-fix",
    explanation="7 findings block by rule critical-and-high-with-a-fix, the worst CRITICAL.",
    severity=Severity.CRITICAL,
    counts={Severity.CRITICAL: 2, Severity.HIGH: 6, Severity.MEDIUM: 9, Severity.LOW: 1},
    remedies=_REMEDIES,
    remedies_total=4,
    findings=(_SECRET, _LODASH, _OLDER, _JINJA, _OPENSSL),
    findings_total=7,
    new_total=7,
    expiring=(),
    advisories="ghcr.io/aquasecurity/trivy-db:2",
    report_id="9f" * 32,
    link="https://pushscan.contoso.com/reports/" + "9f" * 32,
)
WORSE = replace(
    NEWLY_UNHEALTHY,
    id="bc" * 32,
    kind=TransitionKind.WORSE,
    at=SINCE + timedelta(days=1, hours=18, minutes=30),
    verdict_before="unhealthy",
    explanation="1 finding that blocks came with new advisories: 3 findings block.",
    counts={Severity.CRITICAL: 1, Severity.HIGH: 2, Severity.MEDIUM: 9},
    remedies=_REMEDIES[1:2],
    remedies_total=1,
    findings=(_LODASH, _OLDER, _JINJA),
    findings_total=3,
    new_total=1,
    link="",
)
RESOLVED = replace(
    NEWLY_UNHEALTHY,
    id="cd" * 32,
    kind=TransitionKind.RESOLVED,
    at=SINCE + timedelta(days=1, hours=21),
    verdict="healthy",
    verdict_before="unhealthy",
    explanation="212 packages examined, none with a finding that blocks.",
    severity=None,
    counts={Severity.MEDIUM: 3},
    remedies=(),
    remedies_total=0,
    findings=(),
    findings_total=0,
    new_total=0,
)
BECAME_UNKNOWN = replace(
    RESOLVED,
    id="de" * 32,
    kind=TransitionKind.BECAME_UNKNOWN,
    at=SINCE,
    verdict="unknown(stale-advisories)",
    verdict_before="healthy",
    rule="advisories-fresh",
    explanation="The advisories are 80 hours old, and older than 72 hours they prove nothing.",
    counts={},
)
EXEMPTION_EXPIRING = replace(
    RESOLVED,
    id="ef" * 32,
    kind=TransitionKind.EXEMPTION_EXPIRING,
    at=SINCE,
    verdict="healthy",
    verdict_before="healthy",
    explanation="1 exemption ends within 7 days; what it accepts counts again then.",
    remedies=_REMEDIES[1:2],
    remedies_total=1,
    expiring=(
        Expiring(
            subject=_LODASH,
            exemption="lodash-until-rewrite",
            ends=SINCE + timedelta(days=6, hours=12),
            owner="Team Cart <cart@contoso.com>",
            reason="defaultsDeep is never called with input; the rewrite removes lodash.",
        ),
    ),
)

ALL = (NEWLY_UNHEALTHY, WORSE, RESOLVED, BECAME_UNKNOWN, EXEMPTION_EXPIRING)


def hostile(text: str) -> Announcement:
    """Put a text wherever image or advisory may put one."""
    found = replace(
        _LODASH,
        vulnerability=text,
        package=text,
        installed_version=text,
        fixed_version=text,
        title=text,
        url=text,
    )
    weakness = replace(_SECRET, id=text, title=text, path=text)
    remedies = tuple(
        replace(
            remedy,
            target=text,
            package_type=text,
            installed_version=text,
            wanted_version=text,
            clears=(text,) * 20,
        )
        for remedy in _REMEDIES
    )
    return replace(
        NEWLY_UNHEALTHY,
        repository=text,
        tag=text,
        other_tags=(text,) * 40,
        verdict_before=text,
        rule=text,
        explanation=text,
        remedies=remedies,
        remedies_total=4_000,
        findings=(found, weakness, found, weakness, found),
        findings_total=5_000,
        expiring=tuple(
            Expiring(subject=found, exemption=text, ends=SINCE, owner=text, reason=text)
            for _ in range(40)
        ),
        advisories=text,
    )
