"""The first line of a message: what happened, to what, since when."""

from collections.abc import Callable
from datetime import datetime, timedelta

from scanner.model import TransitionKind
from scanner.notify.announcement import Announcement
from scanner.notify.channels.phrases import count, fit, moment, name_of, subject

_DELETED = "not-applicable(deleted)"


def headline(announcement: Announcement) -> str:
    """Say it in one sentence without markup, at most some 400 characters long."""
    return _SENTENCES[announcement.kind](announcement)


def _newly_unhealthy(told: Announcement) -> str:
    blocking = count(told.findings_total, "finding blocks it", "findings block it")
    return f"{name_of(told)} is unhealthy since {moment(told.since)}: {blocking}{_worst(told)}"


def _worse(told: Announcement) -> str:
    more = count(told.new_total, "more finding blocks it", "more findings block it")
    return (
        f"{name_of(told)} got worse at {moment(told.at)}: {more}, {told.findings_total} in all"
        f"{_worst(told)}; unhealthy since {moment(told.since)}"
    )


def _worst(told: Announcement) -> str:
    return f", the worst {told.severity.name}" if told.severity is not None else ""


def _resolved(told: Announcement) -> str:
    if told.verdict == _DELETED:
        end = "was deleted"
    elif told.verdict_before.startswith("unknown"):
        end = f"can be judged again: {fit(told.verdict)}"
    else:
        end = "is healthy again" if told.verdict == "healthy" else f"is now {fit(told.verdict)}"
    before = _as_it_was(told.verdict_before)
    lasted = duration(told.since, told.at)
    return f"{name_of(told)} {end}, {moment(told.at)}; it {before} for {lasted}"


def _as_it_was(verdict: str) -> str:
    if verdict.startswith("unknown"):
        return f"could not be judged ({_reason(verdict)})"
    return f"was {fit(verdict)}"


def _reason(verdict: str) -> str:
    return fit(verdict.partition("(")[2].rstrip(")")) or "no reason given"


def _became_unknown(told: Announcement) -> str:
    no_longer = "can no longer be judged" if told.verdict_before else "cannot be judged"
    before = f"; it was {fit(told.verdict_before)}" if told.verdict_before else ""
    return (
        f"{name_of(told)} {no_longer} since {moment(told.since)}: {_reason(told.verdict)}{before}"
    )


def _exemption_expiring(told: Announcement) -> str:
    if not told.expiring:
        return f"An exemption for {name_of(told)} ends soon"
    first, others = told.expiring[0], len(told.expiring) - 1
    when = f" on {moment(first.ends)}, in {duration(told.at, first.ends)}"
    if others:
        many = f"{others + 1} exemptions for {name_of(told)} end soon"
        return f"{many}, the first{when}: {subject(first.subject)}"
    return f"An exemption for {name_of(told)} ends{when}: {subject(first.subject)}"


def duration(begin: datetime, end: datetime) -> str:
    """Say how long it is from one moment to another, as `1 day 21 hours`; no less than a minute."""
    minutes = max(1, (end - begin) // timedelta(minutes=1))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    # The two that count: nobody needs the minutes of a week.
    first = next(index for index, (number, _) in enumerate(parts) if number)
    return " ".join(
        count(number, unit, f"{unit}s") for number, unit in parts[first : first + 2] if number
    )


_SENTENCES: dict[TransitionKind, Callable[[Announcement], str]] = {
    TransitionKind.NEWLY_UNHEALTHY: _newly_unhealthy,
    TransitionKind.WORSE: _worse,
    TransitionKind.RESOLVED: _resolved,
    TransitionKind.BECAME_UNKNOWN: _became_unknown,
    TransitionKind.EXEMPTION_EXPIRING: _exemption_expiring,
}
