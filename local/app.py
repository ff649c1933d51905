"""The app in a process of its own; like a Functions worker it is started again when it dies."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from local.functions_host.__main__ import EXIT_CANNOT_START

ROOT: Final = Path(__file__).parent.parent

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 40.0
_POLL_SECONDS: Final = 0.05


class AppError(Exception):
    """Raised when the app does not come up; tells where its log is."""


class App:
    """The Functions host as a process of its own, started again whenever it dies.

    Attributes:
        url: Where it answers; the same after a restart.
        process_id: Of the process that runs now.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        state: Path,
        log: Path,
        port: int,
        lease_seconds: int,
    ) -> None:
        self.url = ""
        self._settings = settings
        self._state = state
        self._log = log
        self._port = port
        self._lease_seconds = lease_seconds
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it serves. Raises AppError."""
        self._start()
        self._keeper = threading.Thread(target=self._keep_running, name="app-keeper")
        self._keeper.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Let it drain, then make sure that it is gone."""
        self._stopping.set()
        process = self._running()
        process.send_signal(signal.SIGTERM)
        self._keeper.join()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        process.kill()
        process.wait()

    @property
    def process_id(self) -> int:
        """Of the process that runs now."""
        return self._running().pid

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AppError("the app has not been started")
        return self._process

    def _keep_running(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self._running().wait(timeout=_POLL_SECONDS)
                if status == EXIT_CANNOT_START:
                    return
                if not self._stopping.is_set():
                    self._start()

    def _start(self) -> None:
        self._state.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - an argv of our own, no shell
                [
                    sys.executable,
                    "-m",
                    "local.functions_host",
                    f"--script-root={ROOT}",
                    f"--port={self._port}",
                    f"--lease-seconds={self._lease_seconds}",
                    f"--state={self._state}",
                ],
                cwd=ROOT,
                env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.url = self._wait_until_serving(self._process)
        self._port = int(self.url.rpartition(":")[2])

    def _wait_until_serving(self, process: subprocess.Popen[bytes]) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if self._state.exists():
                return str(json.loads(self._state.read_text(encoding="utf-8"))["url"])
            time.sleep(_POLL_SECONDS)
        raise AppError(f"the app did not come up; see {self._log}")
