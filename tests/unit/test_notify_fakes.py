from collections.abc import Sequence

import pytest

from scanner.model import Report, Transition
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

    def own(self, report: Report) -> Report:
        """Return the report: the fake composes nothing."""
        return report

    def announce_from_threads(self, transition: Transition, threads: int) -> None:
        """Announce one after the other: the fake has no workers."""
        for _ in range(threads):
            self._outbox.announce(transition)

    def told(self) -> Sequence[str]:
        """Return what was announced."""
        return self._outbox.report_ids
