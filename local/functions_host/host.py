"""The host as a whole: one process, one event loop in a thread of its own."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final, Self

from local.functions_host.index import IndexedFunction, indexed_app
from local.functions_host.serving import Ending, plan_app, serve
from local.functions_host.settings import app_settings

logger = logging.getLogger(__name__)

# The real host's, fixed (azure-sdk-for-net, QueueListener).
LEASE_SECONDS: Final = 600
# What Container Apps gives a replica between SIGTERM and SIGKILL, unless told otherwise.
GRACE_SECONDS: Final = 30.0

_BACKLOG: Final = 1024


class FunctionsHost:
    """A running Functions host; the app runs inside this process, one app at a time.

    Attributes:
        url: Where it answers, without a slash at the end.
        functions: What the app declares.
        worker_lost: An invocation exceeded functionTimeout; the host has then stopped and its
            process must be started anew, as the real host restarts its worker.
        work_left: Something still ran when the grace was over; it comes back with its lease,
            and threads of this process may still be at it.
    """

    def __init__(
        self,
        *,
        script_root: Path,
        settings: Mapping[str, str] | None = None,
        port: int = 0,
        lease_seconds: int = LEASE_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Serve the app in `script_root` on 127.0.0.1.

        Args:
            script_root: The folder with host.json and function_app.py.
            settings: App settings that win over the environment.
            port: 0 picks a free one.
            lease_seconds: How long a received message stays hidden; renewed at half of it.
            grace_seconds: How long running work may go on once the host is told to stop.
        """
        self.url = ""
        self.functions: tuple[IndexedFunction, ...] = ()
        self.worker_lost = False
        self.work_left = False
        self._script_root = script_root
        self._settings = settings or {}
        self._port = port
        self._lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ending: Future[Ending] = Future()
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Index the app and serve it; requests and messages are taken on return.

        Raises:
            HostError: The app, host.json, a setting or a binding is wrong.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._loop.close)
            stack.enter_context(app_settings(self._script_root, self._settings))
            self.functions = stack.enter_context(indexed_app(self._script_root))
            plan = plan_app(self._script_root, self.functions)
            listening = socket.create_server(("127.0.0.1", self._port), backlog=_BACKLOG)
            stack.callback(listening.close)
            # Accepted sockets inherit it. Without, the end of an answer waits 40 ms for an
            # acknowledgement: asyncio sets it only where the protocol is named.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="host"))
            self._ending = thread.submit(
                self._loop.run_until_complete,
                serve(
                    plan,
                    listening,
                    self._stopping,
                    lease_seconds=self._lease_seconds,
                    grace_seconds=self._grace_seconds,
                ),
            )
            stack.callback(self.stop)
            self._cleanup = stack.pop_all()
        logger.info("host.started url=%s functions=%d", self.url, len(self.functions))
        return self

    def __exit__(self, *_: object) -> None:
        """Drain: take nothing new, let running work end within the grace, leave the rest."""
        self._cleanup.close()
        ending = self._ending.result()
        self.worker_lost, self.work_left = ending.worker_lost, ending.work_left
        logger.info("host.stopped worker_lost=%s work_left=%s", self.worker_lost, self.work_left)

    def stop(self) -> None:
        """Begin to drain; returns at once. Safe from any thread and more than once."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the host has stopped
            self._loop.call_soon_threadsafe(self._stopping.set)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the host has stopped; tell whether it has."""
        return bool(wait([self._ending], timeout).done)
