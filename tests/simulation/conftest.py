"""What the simulation puts in place of threads and sleeps."""

from types import SimpleNamespace

import pytest

from tests.simulation.process import AtOnce


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one thread do everything, so that a seed decides everything, and nobody wait."""
    monkeypatch.setattr("scanner.examination.ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr("scanner.storage.rows.time", SimpleNamespace(sleep=lambda _: None))
