"""When an announcement may be sent."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scanner.notify.announcement import Announcement
from scanner.notify.routes.route import UNHEALTHY_KINDS, Quiet, Route, severity_of


def next_send_time(route: Route, told: Announcement, now: datetime) -> datetime:
    """Return the moment, in UTC: now, the end of the quiet hours, or when the digest is due."""
    if route.digest is not None:
        return _next(route.digest.at, route.digest.zone, now)
    if route.quiet is None or _is_urgent(route.quiet, told) or not _is_quiet(route.quiet, now):
        return now
    return _next(route.quiet.end, route.quiet.zone, now)


def _is_urgent(quiet: Quiet, told: Announcement) -> bool:
    severity = severity_of(told)
    return (
        quiet.urgent is not None
        and told.kind in UNHEALTHY_KINDS
        and severity is not None
        and severity >= quiet.urgent
    )


def _is_quiet(quiet: Quiet, now: datetime) -> bool:
    wall = now.astimezone(quiet.zone).time()
    if quiet.begin < quiet.end:
        return quiet.begin <= wall < quiet.end
    return wall >= quiet.begin or wall < quiet.end


def _next(at: time, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the next moment after now at which the clocks of the zone show a time.

    A time that is skipped when clocks go forward counts as the one an hour later; of one that
    comes twice the first counts.
    """
    today = now.astimezone(zone).date()
    for days in range(3):
        moment = datetime.combine(today + timedelta(days=days), at, zone).astimezone(UTC)
        if moment > now:
            return moment
    raise AssertionError("no day has more than 48 hours")
