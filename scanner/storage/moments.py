"""Times as text of one width, so that their order is the order of the text."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """Write a time in UTC to the microsecond, e.g. `2026-02-03T04:05:06.000000Z`.

    Raises ValueError for a time without a zone: nobody could tell when that was.
    """
    if moment.tzinfo is None:
        raise ValueError("a stored time needs a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def from_text(text: str) -> datetime:
    """Read what `to_text` wrote. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a stored time needs a time zone")
    return moment
