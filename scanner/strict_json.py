"""Reads JSON from strangers, with no surprises (RFC 8259 section 4: names should be unique)."""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any, Never

from scanner.errors import InvalidMessageError

_FIRST_YEAR = 1970
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InvalidMessageError("a name stands twice in one object", field="body")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidMessageError("a number is out of range", field="body")
    return number


def _refuse_constant(text: str) -> Never:
    raise InvalidMessageError(f"{text} is not JSON", field="body")


def parse_object(untrusted_body: bytes, *, max_bytes: int) -> dict[str, Any]:
    """Parse one JSON object, as strictly as `parse_value`. Raises InvalidMessageError."""
    value = parse_value(untrusted_body, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise InvalidMessageError("is not a JSON object", field="body")
    return value


def parse_value(untrusted_body: bytes, *, max_bytes: int) -> object:
    """Parse one JSON value of at most `max_bytes` of UTF-8 without a byte order mark.

    Raises InvalidMessageError for everything else: other encodings, duplicate names, NaN and
    infinities, trailing bytes, and nesting deeper than the interpreter's stack.
    """
    if len(untrusted_body) > max_bytes:
        raise InvalidMessageError(f"is larger than {max_bytes} bytes", field="body")
    try:
        value: object = json.loads(
            untrusted_body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise InvalidMessageError("is not UTF-8", field="body") from error
    except RecursionError as error:
        raise InvalidMessageError("is nested too deep", field="body") from error
    except ValueError as error:
        # Python refuses integers of more than 4,300 digits with a plain ValueError.
        raise InvalidMessageError("is not JSON", field="body") from error
    return value


def parse_time(untrusted_text: str, *, field: str) -> datetime:
    """Parse an RFC 3339 time into UTC, cut to microseconds. Raises InvalidMessageError."""
    if not _RFC_3339.fullmatch(untrusted_text):
        raise InvalidMessageError("is not an RFC 3339 time", field=field)
    try:
        return datetime.fromisoformat(untrusted_text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidMessageError("is not an RFC 3339 time", field=field) from error


def known_time(untrusted_text: str) -> datetime | None:
    """Parse an RFC 3339 time into UTC; None for what is none, and for what Go writes for none.

    That is the year 1; no time from before 1970 is believed.
    """
    try:
        moment = parse_time(untrusted_text, field="")
    except InvalidMessageError:
        return None
    return moment if moment.year >= _FIRST_YEAR else None
