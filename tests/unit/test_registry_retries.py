"""How often and how long the registry is asked again."""

import pytest

from scanner.errors import RegistryError
from scanner.registry.retries import (
    MAX_ATTEMPTS,
    PassingTroubleError,
    Timing,
    persist,
    retry_after_seconds,
)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds

    def timing(self, jitter: float = 1.0) -> Timing:
        """Return a timing that this clock drives."""
        return Timing(monotonic=lambda: self.now, sleep=self.sleep, jitter=lambda: jitter)


def _persist(clock: Clock, *troubles: float, seconds: float = 1000.0, jitter: float = 1.0) -> int:
    left = list(troubles)

    def attempt(number: int) -> int:
        if left:
            raise PassingTroubleError("busy", retry_after_seconds=left.pop(0))
        return number

    timing = clock.timing(jitter)
    return persist(attempt, deadline=timing.deadline(seconds), timing=timing)


def test_backs_off_twice_as_long_each_time() -> None:
    """Wait 0.5, 1, 2, 4 seconds, at least half of each by chance."""
    clock = Clock()
    assert _persist(clock, 0, 0, 0, 0) == 4
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]
    lucky = Clock()
    _persist(lucky, 0, 0, 0, 0, jitter=0.0)
    assert lucky.slept == [0.25, 0.5, 1.0, 2.0]


def test_waits_as_long_as_the_registry_asks_but_not_longer_than_30_s() -> None:
    """Honour Retry-After up to a cap."""
    clock = Clock()
    _persist(clock, 7, 86400)
    assert clock.slept == [7, 30]


def test_gives_up_after_its_attempts() -> None:
    """Raise RegistryError with the last trouble in it."""
    clock = Clock()
    with pytest.raises(RegistryError, match="busy Tried 5 times") as caught:
        _persist(clock, *[0.0] * MAX_ATTEMPTS)
    assert not isinstance(caught.value, PassingTroubleError)
    assert len(clock.slept) == MAX_ATTEMPTS - 1


def test_does_not_wait_beyond_the_deadline() -> None:
    """Give up at once when the wait would outlast the time that is left."""
    clock = Clock()
    with pytest.raises(RegistryError):
        _persist(clock, 20, seconds=10)
    assert clock.slept == []


def test_begins_nothing_after_the_deadline() -> None:
    """Make no attempt when the time is up."""
    clock = Clock()
    with pytest.raises(RegistryError, match="within the time"):
        _persist(clock, seconds=0)


def test_does_not_repeat_what_will_not_pass() -> None:
    """Let a refusal through at the first attempt."""
    attempts = []

    def refuse(number: int) -> None:
        attempts.append(number)
        raise RegistryError("give us AcrPull")

    timing = Clock().timing()
    with pytest.raises(RegistryError, match="AcrPull"):
        persist(refuse, deadline=timing.deadline(10), timing=timing)
    assert attempts == [0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("5", 5),
        (" 12 ", 12),
        ("-1", 0),
        ("1e3", 0),
        ("nan", 0),
        ("\u0661", 0),
        ("9" * 400, 0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
    ],
)
def test_reads_retry_after_in_seconds(header: str | None, seconds: float) -> None:
    """Take anything but plain seconds for no wish at all."""
    assert retry_after_seconds(header) == seconds
