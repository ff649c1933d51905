from datetime import UTC, datetime, timedelta

import pytest

from scanner.errors import NoticeError
from scanner.notify.announcement import Announcement
from scanner.notify.channels.channel import Rate
from scanner.notify.channels.pace import Paced, next_allowed
from scanner.notify.channels.retry_after import seconds_until_retry
from tests.announcements import ALL, NEWLY_UNHEALTHY

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MAIL = (Rate(messages=30, seconds=60), Rate(messages=100, seconds=3_600))


class Counting:
    """A channel that takes one message in ten seconds, and counts."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Return that one."""
        return (Rate(messages=1, seconds=10),)

    def send(self, told: Announcement) -> str:
        """Count."""
        self.sent.append(told.id)
        return "ok"


def test_what_comes_too_early_is_refused_with_the_time_to_wait() -> None:
    """The queue brings it back then; nobody sleeps here."""
    moments = [NOW, NOW + timedelta(seconds=4), NOW + timedelta(seconds=10)]
    channel = Counting()
    paced = Paced(channel=channel, clock=lambda: moments.pop(0))
    paced.send(NEWLY_UNHEALTHY)
    with pytest.raises(NoticeError) as refusal:
        paced.send(NEWLY_UNHEALTHY)
    assert refusal.value.retry_after == 6
    paced.send(NEWLY_UNHEALTHY)
    assert len(channel.sent) == 2


def test_a_channel_without_digests_says_so() -> None:
    """The file of routes does not let it come to that."""
    with pytest.raises(NoticeError, match="takes no digest"):
        Paced(channel=Counting()).send_digest(ALL)


@pytest.mark.parametrize(
    ("sent_seconds_ago", "wait"),
    [
        ([], 0),
        ([59] * 30, 1),
        ([61] * 30, 0),
        ([3_599] * 70 + [30] * 30, 30),
        ([3_599] * 71 + [70] * 29, 1),
    ],
)
def test_all_rates_are_kept(sent_seconds_ago: list[int], wait: int) -> None:
    """Thirty a minute and a hundred an hour."""
    sent = [NOW - timedelta(seconds=ago) for ago in sent_seconds_ago]
    assert next_allowed(MAIL, sent, NOW) == NOW + timedelta(seconds=wait)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 30 ", 30.0),
        ("9" * 5_000, 3_600.0),
        ("-5", None),
        ("1.5", None),
        ("\u0665", None),
        ("Sun, 22 Nov 2026 12:01:30 GMT", 90.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2099 11:00:00 GMT", 3_600.0),
        ("Sun, 22 Nov 2026 12:01:30 -0000", 90.0),
        ("tomorrow", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    """An hour at most; anything else is nothing."""
    assert seconds_until_retry(value, NOW) == seconds
