from collections.abc import Sequence

import pytest

from scanner.model import Report
from scanner.ports import Outbox
from tests.contracts.outbox_contract import OutboxContract
from tests.fakes import RecordingOutbox


class TestRecordingOutbox(OutboxContract):
    """The fake keeps the contract, so tests that use it mean something."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self._outbox = RecordingOutbox()

    def outbox(self) -> Outbox:
        """Return the one outbox of this test."""
        return self._outbox

    def announce_from_threads(self, report: Report, threads: int) -> None:
        """Announce one after the other: the fake has no workers."""
        for _ in range(threads):
            self._outbox.announce(report)

    def told(self) -> Sequence[str]:
        """Return what was announced."""
        return [report.id for report in self._outbox.announced]
