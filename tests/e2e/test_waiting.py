"""What puts a notice off, on the running app: quiet hours, a busy service, a digest."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.channel_sink import Answer
from local.stack import Stack
from scanner import settings
from scanner.notify.ledger import Entry, State, read_entry
from scanner.storage.rows import RowTable
from scanner.wiring import Wiring, storage_connection
from tests.e2e.conftest import Pushscan, eventually

pytestmark = pytest.mark.integration

_START = timedelta(seconds=45)
"""Longer than the app takes to start and to judge an image."""


def _entries(pushscan: Pushscan) -> dict[str, Entry]:
    """Return what the ledger says of each route."""
    storage = storage_connection(pushscan.wiring.settings.storage)
    rows = RowTable(storage.table_service().get_table_client("notices"))
    entries = [read_entry(row) for _, row in rows.select("", {})]
    return {entry.route: entry for entry in entries}


@pytest.mark.timeout(360)
def test_a_notice_waits_for_the_morning_a_busy_service_and_the_digest(
    tmp_path: Path, samples: Path, advisories: Path
) -> None:
    """One push, told by five routes: each when its hours and its service let it."""
    # Hours are written to the minute.
    end = (datetime.now(UTC) + _START + timedelta(minutes=1)).replace(second=0, microsecond=0)
    begin = end - timedelta(hours=2)
    stack = Stack(tmp_path / "home", advisories=advisories, has_channels=True)
    stack.route_options = {
        "slack": f"quiet: {{from: {begin:%H:%M}, until: {end:%H:%M}}}",
        "mail": f"digest: {{at: {end:%H:%M}}}",
    }
    with stack:
        wiring = Wiring(settings.read(stack.settings()))
        pushscan = Pushscan(stack=stack, wiring=wiring, samples=samples)
        channels = stack.channels
        channels.answer_next(Answer(status=429, headers={"retry-after": "1"}))
        pushscan.push("vulnerable", "waiting/app:v1")
        assert channels.wait_for(3, seconds=200)
        told = (channels.events, channels.cards, channels.slack_messages)
        assert list(map(len, told)) == [1, 1, 1]
        posted = ("webhook", "teams", "slack")
        entries = eventually(lambda: _all_sent(_entries(pushscan), posted))
        assert entries["slack"].first_queued_at < end <= entries["slack"].changed_at
        # Whichever came first met the busy service.
        assert sorted(entries[name].attempts for name in posted) == [1, 1, 2]
        [error] = filter(None, (entries[name].last_error for name in posted))
        assert error.endswith("answered 429")
        stack.run_now("send_digests")
        assert channels.wait_for_mail(1, seconds=60)
        [mail] = channels.mails
        assert "waiting/app:v1 is unhealthy" in str(mail["Subject"])
        entries = eventually(lambda: _all_sent(_entries(pushscan), ["mail"]))
        assert entries["mail"].changed_at >= end


def _all_sent(entries: dict[str, Entry], routes: Sequence[str]) -> dict[str, Entry] | None:
    is_done = all(name in entries and entries[name].state is State.SENT for name in routes)
    return entries if is_done else None
