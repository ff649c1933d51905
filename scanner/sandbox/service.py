"""A program in a sandbox that is asked over TCP, by us and by nobody else, while it runs.

The one connection comes out of the program's own network, where it was made before the program.
That network has nothing else in it: nobody outside can reach the program, and by its filter it can
call nobody, itself included.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from scanner.sandbox.outcome import Completed, Stopped
from scanner.sandbox.supervisor import Excess, Messages

PORT: Final = 4954
"""Where a program is to listen, on 127.0.0.1 of its own network."""
_LOOK_SECONDS = 0.005
_HANDED_OVER = b"."


class ServiceEndedError(Exception):
    """Raised when the program ended, was ended, or could not be started; it answers no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A program that listens."""

    connection: socket.socket
    """Connected. What comes out of it is hostile, and may never end: set a time for each wait."""
    messages: Messages


Run = Callable[[int, Messages, Excess], Completed]
"""Runs the program: where the launcher hands over the socket, who reads along, who says stop."""


@contextmanager
def serving(run: Run) -> Iterator[Service]:
    """Give the connection to a program that is run in a thread beside, and end it afterwards.

    A thread, because whoever supervises a run does nothing else until its end.

    Raises:
        ServiceEndedError: it does not come to listen.
    """
    messages, dismissed = Messages(), threading.Event()

    def dismissal(_launcher: int) -> Stopped | None:
        return Stopped.DISMISSED if dismissed.is_set() else None

    ours, theirs = socket.socketpair()
    with ThreadPoolExecutor(1, "service") as beside, ours, theirs:
        running = beside.submit(run, theirs.fileno(), messages, dismissal)
        try:
            with _handed_over(ours, running) as connection:
                _connect(connection, running)
                yield Service(connection=connection, messages=messages)
        finally:
            dismissed.set()
            # What it was about, if anything, the caller has seen; our own faults are raised here.
            running.result()


@contextmanager
def _handed_over(ours: socket.socket, running: "Future[Completed]") -> Iterator[socket.socket]:
    with selectors.DefaultSelector() as selector:
        selector.register(ours, selectors.EVENT_READ)
        while not selector.select(_LOOK_SECONDS):
            _require_running(running)
    said, descriptors, _, _ = socket.recv_fds(ours, len(_HANDED_OVER), 1)
    if said != _HANDED_OVER or len(descriptors) != 1:
        raise ServiceEndedError("the launcher handed over no connection")
    with socket.socket(fileno=descriptors[0]) as connection:
        yield connection


def _connect(connection: socket.socket, running: "Future[Completed]") -> None:
    """Wait until the program listens: its limits end that wait, as they end the program."""
    while True:
        _require_running(running)
        with contextlib.suppress(ConnectionRefusedError):
            connection.connect(("127.0.0.1", PORT))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return
        time.sleep(_LOOK_SECONDS)


def _require_running(running: "Future[Completed]") -> None:
    if running.done():
        raise ServiceEndedError(f"the program ended: {running.result().exit}")
