"""Reads when a service asks to be tried again (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MAX_SECONDS: Final = 3_600.0
"""A service that asks for more is asked again after an hour: a notice a day late is lost."""

_MAXIMUM_DIGITS = 9


def seconds_until_retry(untrusted_value: str | None, now: datetime) -> float | None:
    """Return the seconds that `Retry-After` names, a number or a date, at most `MAX_SECONDS`.

    None where there is no such header or it is neither.
    """
    value = (untrusted_value or "").strip()
    if value.isdecimal() and value.isascii():
        return min(float(value[:_MAXIMUM_DIGITS]), MAX_SECONDS)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_SECONDS)
