"""Cuts a connection when its time is up."""

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def cut_after(seconds: float, plain_socket: socket.socket) -> Iterator[None]:
    """Shut a socket down when time is up; whoever waits on it then fails at once."""
    # A descriptor of its own: wrapping detaches the first, whose number may then be reused.
    with plain_socket.dup() as handle:

        def cut() -> None:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
