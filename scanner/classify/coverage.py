"""What must be true before "no findings" means anything. Trivy's exit code 0 proves none of it."""

from datetime import datetime, timedelta

from scanner.model import Advisories, Policy, ScanReport, Unexaminable, UnknownReason
from scanner.model.findings import UNEXAMINED

# Distributions that Trivy both recognises and has advisories for (Trivy docs, "Supported OS").
_SUPPORTED_FAMILIES = frozenset(
    {
        "alma",
        "alpine",
        "amazon",
        "azurelinux",
        "bottlerocket",
        "cbl-mariner",
        "centos",
        "chainguard",
        "debian",
        "echo",
        "minimos",
        "opensuse-leap",
        "opensuse-tumbleweed",
        "oracle",
        "photon",
        "redhat",
        "rocky",
        "slem",
        "sles",
        "ubuntu",
        "wolfi",
    }
)
_CLOCK_TOLERANCE = timedelta(hours=24)
_NAMED_CHARACTERS = 200


def advisory_gap(
    advisories: Advisories | None, policy: Policy, as_of: datetime
) -> Unexaminable | None:
    """Say why these advisories prove nothing at that time, or None when they do."""
    if advisories is None:
        return Unexaminable(
            reason=UnknownReason.STALE_ADVISORIES, detail="No advisory database was used."
        )
    age = as_of - advisories.updated_at
    if -_CLOCK_TOLERANCE <= age <= timedelta(hours=policy.max_advisory_age_hours):
        return None
    return Unexaminable(
        reason=UnknownReason.STALE_ADVISORIES,
        detail=(
            f"The advisories are of {advisories.updated_at:%Y-%m-%d %H:%M} UTC; "
            f"more than {policy.max_advisory_age_hours} hours away from this examination."
        ),
    )


def coverage_gap(scan: ScanReport) -> Unexaminable | None:
    """Say what in the image was not examined, or None when everything was."""
    system = scan.operating_system
    if system is None or system.family not in _SUPPORTED_FAMILIES:
        name = f"{system.family} {system.name}".strip() if system else "none"
        return Unexaminable(
            reason=UnknownReason.UNSUPPORTED_OS,
            detail=f"No advisories exist for the image's operating system ({name}).",
        )
    if system.is_end_of_life:
        return Unexaminable(
            reason=UnknownReason.END_OF_LIFE,
            detail=f"{system.family} {system.name} is past its end of life: nobody reports on it.",
        )
    if not scan.has_advisories:
        return Unexaminable(
            reason=UnknownReason.NO_ADVISORIES,
            detail=f"No advisories are known for {system.family} {system.name}.",
        )
    if not any(g.package_class == "os-pkgs" and g.package_count for g in scan.package_groups):
        return Unexaminable(
            reason=UnknownReason.NO_PACKAGES,
            detail=f"No package of {system.family} {system.name} was found in the image.",
        )
    if scan.unexamined:
        return Unexaminable(
            reason=UnknownReason.INCOMPLETE,
            detail=f"Passed over, because unreadable: {_names(scan.unexamined)}",
        )
    return None


def _names(texts: tuple[str, ...]) -> str:
    first = texts[0].removeprefix(UNEXAMINED)[:_NAMED_CHARACTERS]
    return f"{first} and {len(texts) - 1} more" if len(texts) > 1 else first
