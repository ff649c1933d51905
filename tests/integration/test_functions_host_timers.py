"""Timer triggers of the local Functions host, and the manual run of one."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPConnection
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.functions_host import FunctionsHost
from local.functions_host.errors import UnsupportedError
from local.functions_host.timers import parse_schedule
from tests.integration.conftest import WriteApp

pytestmark = pytest.mark.integration

TICK = """
@app.timer_trigger(arg_name="timer", schedule="{schedule}", run_on_startup={startup})
def tick(timer: func.TimerRequest) -> None:
    SEEN.put(timer.past_due)
    {then}
"""
NEVER = "0 0 0 29 2 *"
KEY = "k" * 32


def app(schedule: str = NEVER, *, startup: bool = False, then: str = "") -> str:
    """Return the code of an app with one timer."""
    return TICK.format(schedule=schedule, startup=startup, then=then)


def seen(host: FunctionsHost) -> Queue[bool]:
    """Return what the app's function puts into its queue."""
    queue: Queue[bool] = host.functions[0].call.__globals__["SEEN"]
    return queue


def run_now(host: FunctionsHost, name: str = "tick", *, key: str = KEY) -> int:
    """Ask the host as an administrator does."""
    connection = HTTPConnection(urlsplit(host.url).netloc, timeout=10)
    try:
        connection.request(
            "POST", f"/admin/functions/{name}", body=b"{}", headers={"x-functions-key": key}
        )
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(autouse=True)
def _master_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_MASTER_KEY", KEY)


def test_it_runs_by_the_clock(write_app: WriteApp, serving: Callable[..., Any]) -> None:
    """Each second, here, and not as a late run."""
    with serving(write_app(app("* * * * * *"))) as host:
        assert [seen(host).get(timeout=5) for _ in range(2)] == [False, False]


def test_it_runs_when_it_is_told_to(write_app: WriteApp, serving: Callable[..., Any]) -> None:
    """For who has the master key."""
    with serving(write_app(app())) as host:
        assert run_now(host, key="wrong") == 401
        assert run_now(host, "none") == 404
        assert seen(host).empty()
        assert run_now(host) == 202
        assert seen(host).get(timeout=5) is False


def test_it_runs_at_the_start_if_it_says_so(
    write_app: WriteApp, serving: Callable[..., Any]
) -> None:
    """And not again before its time."""
    with serving(write_app(app(startup=True))) as host:
        assert seen(host).get(timeout=5) is False


def test_a_failure_does_not_end_it(write_app: WriteApp, serving: Callable[..., Any]) -> None:
    """It runs again the next time."""
    with serving(write_app(app(then="raise ValueError"))) as host:
        for _ in range(2):
            assert run_now(host) == 202
            assert seen(host).get(timeout=5) is False


def test_what_runs_may_end(write_app: WriteApp, serving: Callable[..., Any]) -> None:
    """The host waits for it, within the grace."""
    code = app(then="import time; time.sleep(0.3); SEEN.put(True)")
    with serving(write_app(code)) as host:
        assert run_now(host) == 202
        queue = seen(host)
        assert queue.get(timeout=5) is False
        began = time.monotonic()
    assert queue.get_nowait() is True
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("expression", "after", "then"),
    [
        ("0 7 * * * *", "2026-11-22T12:07:00", "2026-11-22T13:07:00"),
        ("0 */15 * * * *", "2026-11-22T12:07:00", "2026-11-22T12:15:00"),
        ("30 0 9-17/4 * * 1-5", "2026-11-20T17:00:30", "2026-11-23T09:00:30"),
        ("0 0 0 1 1,7 *", "2026-11-22T00:00:00", "2027-01-01T00:00:00"),
        ("0 0 0 29 2 *", "2026-11-22T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 12 * * 0", "2026-11-22T11:59:59.5", "2026-11-22T12:00:00"),
        ("5/20 0 0 * * *", "2026-11-22T00:00:05", "2026-11-22T00:00:25"),
    ],
)
def test_the_next_time_follows_from_the_expression(expression: str, after: str, then: str) -> None:
    """Six fields, seconds first, days of the week from Sunday."""
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert parse_schedule(expression).after(moment).replace(tzinfo=None).isoformat() == then


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "%SCHEDULE%",
        "00:05:00",
        "60 * * * * *",
        "* * * * * 7",
        "*/0 * * * * *",
        "5-1 * * * * *",
    ],
)
def test_what_this_host_does_not_read_is_refused(expression: str) -> None:
    """Rather than run at another time."""
    with pytest.raises(UnsupportedError):
        parse_schedule(expression)


def test_a_day_that_never_comes_is_refused() -> None:
    """The 30th of February."""
    with pytest.raises(UnsupportedError, match="names no day"):
        parse_schedule("0 0 0 30 2 *").after(datetime.now(UTC))
