"""Timer triggers: run by the clock in UTC, or at once for an administrator.

The expression is NCRONTAB with six fields, seconds first ("Timer trigger for Azure Functions",
Microsoft Learn). A function never runs twice at a time. Unlike the real host this one makes up no
run that it missed while it was down.
"""

import asyncio
import json
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from azure.functions.meta import Datum

from local.functions_host.bindings import Arrival, Execute
from local.functions_host.errors import InvocationError, UnsupportedError
from local.functions_host.index import IndexedFunction, TimerTrigger

logger = logging.getLogger(__name__)

_RANGES: Final = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_PART: Final = re.compile(r"(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")
_LONGEST_DAYS: Final = 366 * 8
"""The 29th of February can be that far away."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """The seconds, minutes, hours, days, months and days of the week on which it runs."""

    fields: tuple[frozenset[int], ...]

    def after(self, moment: datetime) -> datetime:
        """Return the next time it runs, strictly later.

        Raises:
            UnsupportedError: It never runs, like on the 30th of February.
        """
        seconds, minutes, hours, days, months, weekdays = self.fields
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        for number in range(_LONGEST_DAYS):
            day = midnight + timedelta(days=number)
            # .NET counts the days of the week from Sunday.
            if (
                day.month not in months
                or day.day not in days
                or day.isoweekday() % 7 not in weekdays
            ):
                continue
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    for second in sorted(seconds):
                        at = day.replace(hour=hour, minute=minute, second=second)
                        if at > moment:
                            return at
        raise UnsupportedError("a timer's schedule names no day")


def parse_schedule(expression: str) -> Schedule:
    """Read an expression of numbers, `*`, ranges, lists and steps.

    Raises:
        UnsupportedError: It is something else: a time span, a setting in `%`, names of months.
    """
    fields = expression.split()
    if len(fields) != len(_RANGES):
        raise UnsupportedError(f"this host reads no timer schedule {expression!r}")
    return Schedule(
        fields=tuple(
            frozenset().union(*(_part(part, low, high) for part in field.split(",")))
            for field, (low, high) in zip(fields, _RANGES, strict=True)
        )
    )


def _part(text: str, low: int, high: int) -> frozenset[int]:
    match = _PART.fullmatch(text)
    if match is None:
        raise UnsupportedError(f"this host reads no timer field {text!r}")
    star, first, last, step = match.groups()
    begin = low if star else int(first)
    end = high if star or (step and not last) else int(last or first)
    if not low <= begin <= end <= high or step == "0":
        raise UnsupportedError(f"the timer field {text!r} is out of range")
    return frozenset(range(begin, end + 1, int(step or 1)))


class Timer:
    """Runs one function by its schedule, and when it is told to."""

    def __init__(self, function: IndexedFunction, trigger: TimerTrigger, execute: Execute) -> None:
        """Run `function` by `execute`; must be built on the loop."""
        self.name = function.name
        self._function = function
        self._schedule = parse_schedule(trigger.schedule)
        self._execute = execute
        self._is_wanted = asyncio.Event()
        if trigger.run_on_startup:
            self._is_wanted.set()

    def run_now(self) -> None:
        """Run the function as soon as it is not running; returns at once."""
        self._is_wanted.set()

    async def keep_time(self, stopping: asyncio.Event) -> None:
        """Run until told to stop; what runs then is waited for."""
        stopped = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                now = datetime.now(UTC)
                wanted = asyncio.create_task(self._is_wanted.wait())
                pause = (self._schedule.after(now) - now).total_seconds()
                await asyncio.wait(
                    {wanted, stopped}, timeout=pause, return_when=asyncio.FIRST_COMPLETED
                )
                wanted.cancel()
                if not stopping.is_set():
                    self._is_wanted.clear()
                    await self._run()
        finally:
            stopped.cancel()

    async def _run(self) -> None:
        info = json.dumps({"Schedule": {}, "ScheduleStatus": None, "IsPastDue": False})
        try:
            await self._execute(self._function, Arrival(data=Datum(info, "json")))
        except InvocationError:
            logger.warning("timer.failed function=%s", self.name)
