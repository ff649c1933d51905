"""What is let pass for a few more days only."""

from datetime import datetime, timedelta

from scanner.model import Decision, Outcome, Report


def expiring(report: Report, now: datetime, *, days: int = 7) -> tuple[Decision, ...]:
    """Return the decisions whose exemption ends within so many days, the first to end first.

    One that has ended is left out: it counts again, at the latest from the next judgement.
    """
    until = now + timedelta(days=days)
    ending = [
        (one.due, place, one)
        for place, one in enumerate(report.decisions)
        if one.outcome is Outcome.ACCEPTED and one.due is not None and now < one.due <= until
    ]
    return tuple(one for _, _, one in sorted(ending, key=lambda entry: entry[:2]))
