"""What must be true before "no findings" means anything. Trivy's exit code 0 proves none of it."""

from datetime import datetime, timedelta

from scanner.classify.sources import has_ecosystem, is_supported, source_of
from scanner.model import Advisories, Policy, ScanReport, Unexaminable, UnknownReason
from scanner.model.findings import UNEXAMINED, WITHOUT_ADVISORIES

_CLOCK_TOLERANCE = timedelta(hours=24)
_NAMED_CHARACTERS = 200

NO_DATABASE = Unexaminable(
    reason=UnknownReason.STALE_ADVISORIES, detail="No advisory database was used."
)


def advisory_gap(advisories: Advisories, policy: Policy, as_of: datetime) -> Unexaminable | None:
    """Say why these advisories prove nothing at that time, or None when they do."""
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


def coverage_gap(
    scan: ScanReport, advisories: Advisories, *, is_end_judged: bool = False
) -> Unexaminable | None:
    """Say what in the image was not examined, or None when everything was.

    With `is_end_judged` the policy has said what becomes of a distribution past its end of life.
    """
    if gap := _system_gap(scan, is_end_judged=is_end_judged):
        return gap
    if unknown := _without_source(scan, advisories.sources):
        return Unexaminable(
            reason=UnknownReason.NO_ADVISORIES,
            # Without its date: the same is said of each next one, and is no news.
            detail=f"The advisory database has nothing on {_names(unknown)}.",
        )
    if scan.unexamined:
        return Unexaminable(
            reason=UnknownReason.INCOMPLETE,
            detail=f"Passed over by the scanner: {_names(scan.unexamined)}",
        )
    return None


def _system_gap(scan: ScanReport, *, is_end_judged: bool) -> Unexaminable | None:
    """Say why the packages of the distribution were not examined, or None when they were."""
    system = scan.operating_system
    if system is None or not is_supported(system):
        name = f"{system.family} {system.name}".strip() if system else "none"
        return Unexaminable(
            reason=UnknownReason.UNSUPPORTED_OS,
            detail=f"No advisories exist for the image's operating system ({name}).",
        )
    if system.is_end_of_life and not is_end_judged:
        return Unexaminable(
            reason=UnknownReason.END_OF_LIFE,
            detail=f"{system.family} {system.name} is past its end of life: nobody reports on it.",
        )
    if scan.without_advisories:
        return Unexaminable(
            reason=UnknownReason.NO_ADVISORIES,
            detail=(
                f"No advisories were used for {system.family} {system.name}:"
                f" {_names(scan.without_advisories)}"
            ),
        )
    if not any(g.package_class == "os-pkgs" and g.package_count for g in scan.package_groups):
        return Unexaminable(
            reason=UnknownReason.NO_PACKAGES,
            detail=f"No package of {system.family} {system.name} was found in the image.",
        )
    return None


def _without_source(scan: ScanReport, sources: frozenset[str]) -> tuple[str, ...]:
    """Name what Trivy looked up where nothing is, which it takes for "no vulnerabilities"."""
    releases = {source_of(scan.operating_system)} - sources if scan.operating_system else ()
    package_types = {
        f"packages of type {group.package_type}"
        for group in scan.package_groups
        if group.package_class == "lang-pkgs"
        and group.package_count
        and not has_ecosystem(group.package_type, sources)
    }
    return (*releases, *sorted(package_types))


def _names(texts: tuple[str, ...]) -> str:
    first = texts[0].removeprefix(UNEXAMINED).removeprefix(WITHOUT_ADVISORIES)[:_NAMED_CHARACTERS]
    return f"{first} and {len(texts) - 1} more" if len(texts) > 1 else first
