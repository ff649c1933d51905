"""What can happen to a worker at each step that reaches outside it, decided by a seed."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import ServiceResponseError

START = datetime(2020, 1, 6, tzinfo=UTC)
"""Long past, because the edge sets back events that are dated later than the machine's clock."""


def lost_answer() -> Exception:
    """Return what the SDKs raise when a connection breaks: nobody knows whether it was done."""
    return ServiceResponseError("the connection was closed")


class Killed(BaseException):
    """The worker is gone, from one instruction to the next. No `except Exception` may catch it."""


@dataclass(slots=True, kw_only=True)
class Clock:
    """Time that only passes when it is told to, or looked at: no two moments are equal."""

    moment: datetime = START

    def now(self) -> datetime:
        """Return a moment that nobody was given before."""
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def pass_by(self, duration: timedelta) -> None:
        """Let time pass."""
        self.moment += duration


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """One function call in one worker process."""

    is_dead: bool = False
    said: list[str] = field(default_factory=list)
    """Notices that reached people."""


@dataclass(slots=True, kw_only=True)
class Perils:
    """Kills and fails, before or after the effect of a step; and lets others come between."""

    chance: random.Random
    killing: float = 0.0
    failing: float = 0.0
    interrupting: float = 0.0
    deepest: int = 3
    """Workers at once: one is interrupted by the next."""
    come_between: Callable[[], None] = lambda: None
    """Does something of another worker, or of who pushes."""
    bury: Callable[[Attempt], None] = lambda _: None
    """Leaves behind what a killed process leaves."""
    attempts: list[Attempt] = field(default_factory=list)
    outages: set[str] = field(default_factory=set)
    """What answers nothing at present: a prefix of the names of steps."""
    kills: int = 0
    faults: int = 0
    _is_still: bool = False

    def end(self) -> None:
        """From now on nothing goes wrong any more."""
        self.killing = self.failing = self.interrupting = 0.0
        self.outages.clear()

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Run one call in a process of its own; a kill ends with it."""
        attempt = Attempt()
        self.attempts.append(attempt)
        try:
            yield attempt
        finally:
            self.attempts.pop()

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Do what belongs to the world and not to a worker."""
        was_still, self._is_still = self._is_still, True
        try:
            yield
        finally:
            self._is_still = was_still

    @contextmanager
    def step(self, name: str, fault: Callable[[], Exception]) -> Iterator[None]:
        """Surround one effect of a worker with all that can happen there."""
        if self._is_still or not self.attempts:
            yield
            return
        attempt = self.attempts[-1]
        self._suffer(attempt, name, fault)
        if len(self.attempts) < self.deepest and self.chance.random() < self.interrupting:
            self.come_between()
        yield
        self._suffer(attempt, name, fault)

    def _suffer(self, attempt: Attempt, name: str, fault: Callable[[], Exception]) -> None:
        if attempt.is_dead:
            raise Killed
        if any(name.startswith(outage) for outage in self.outages):
            raise fault()
        drawn = self.chance.random()
        if drawn < self.killing:
            attempt.is_dead = True
            self.kills += 1
            self.bury(attempt)
            raise Killed
        if drawn < self.killing + self.failing:
            self.faults += 1
            raise fault()
