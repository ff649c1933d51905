"""The first line of a message: what happened, to what, since when."""

from datetime import timedelta

from scanner.model import TransitionKind
from scanner.notify.announcement import Announcement

_HAPPENED = {
    TransitionKind.NEWLY_UNHEALTHY: "Unhealthy",
    TransitionKind.WORSE: "Worse",
    TransitionKind.RESOLVED: "Resolved",
    TransitionKind.BECAME_UNKNOWN: "Unknown",
    TransitionKind.EXEMPTION_EXPIRING: "An exemption ends soon",
}
_MOST_TAGS = 3


def headline(announcement: Announcement) -> str:
    """Return one line; registry, repository and tag are of a grammar that needs no escaping."""
    happened = _HAPPENED[announcement.kind]
    return f"{happened}: {image_name(announcement)}{_others(announcement)}, {_when(announcement)}"


def image_name(announcement: Announcement) -> str:
    """Return what a person calls the image."""
    repository = f"{announcement.registry}/{announcement.repository}"
    if announcement.tag:
        return f"{repository}:{announcement.tag}"
    return f"{repository}@{announcement.digest}"


def _others(announcement: Announcement) -> str:
    others = announcement.other_tags
    shown = list(others[:_MOST_TAGS])
    if len(others) > _MOST_TAGS:
        shown.append(f"{len(others) - _MOST_TAGS} more")
    return f" (also {', '.join(shown)})" if shown else ""


def _when(announcement: Announcement) -> str:
    since = f"{announcement.since:%Y-%m-%d %H:%M} UTC"
    if announcement.kind is TransitionKind.RESOLVED:
        return f"unhealthy for {_duration(announcement.at - announcement.since)}"
    if announcement.kind is TransitionKind.EXEMPTION_EXPIRING:
        ends = min((one.due for one in announcement.expiring if one.due), default=None)
        return f"on {ends:%Y-%m-%d %H:%M} UTC" if ends else "soon"
    if announcement.kind is TransitionKind.WORSE:
        return f"{announcement.new_total} new, unhealthy since {since}"
    return f"since {since}"


def _duration(duration: timedelta) -> str:
    minutes = max(0, int(duration.total_seconds())) // 60
    for size, unit in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
