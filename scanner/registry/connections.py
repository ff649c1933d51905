"""TLS connections that end at the deadline, whatever the other side does."""

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from urllib3 import HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPSConnection

from scanner.registry.retries import Deadline, Timing

BLOBS_AT_ONCE = 4


class Watchdog:
    """Shuts every socket at the deadline.

    A read timeout alone does not do: a peer that sends one byte a second never meets it.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self._has_barked = False
        self._timer = threading.Timer(deadline.remaining_seconds(), self.bark)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()

    def watch(self, connected: socket.socket) -> None:
        """Shut this socket too when the time comes, or now if it has come."""
        with self._lock:
            self._sockets.add(connected)
            if self._has_barked:
                _shut(connected)

    def bark(self) -> None:
        """Shut all sockets, and those that are still to be opened."""
        with self._lock:
            self._has_barked = True
            for connected in self._sockets:
                _shut(connected)


def _shut(connected: socket.socket) -> None:
    # Not SSLSocket.shutdown: that drops the TLS state, and a reader would be given ciphertext.
    with suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


class _WatchedConnection(HTTPSConnection):
    def __init__(self, *args: Any, watchdog: Watchdog, **kwargs: Any) -> None:  # noqa: ANN401 - urllib3's own signature, passed on
        super().__init__(*args, **kwargs)
        self._watchdog = watchdog

    def connect(self) -> None:
        super().connect()
        self._watchdog.watch(self.sock)


class _WatchedPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedConnection


class Connections:
    """All connections of one job; no cookies, no proxies, no redirects, no hidden retries."""

    def __init__(self, *, tls: ssl.SSLContext, deadline: Deadline, timing: Timing) -> None:
        self._tls = tls
        self._timeout = Timeout(connect=timing.connect_seconds, read=timing.read_seconds)
        self._watchdog = Watchdog(deadline)
        self._pools: dict[tuple[str, int, str], HTTPSConnectionPool] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._watchdog.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watchdog.__exit__(kind, error, trace)
        for pool in self._pools.values():
            pool.close()

    def shut(self) -> None:
        """Break off all that is under way."""
        self._watchdog.bark()

    def pool(self, host: str, port: int, *, address: str | None = None) -> HTTPSConnectionPool:
        """Return the pool for a host, connected to exactly `address` if one is given.

        The certificate is checked against `host` in both cases.
        """
        key = (host, port, address or host)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = _WatchedPool(
                    address or host,
                    port,
                    maxsize=BLOBS_AT_ONCE,
                    timeout=self._timeout,
                    retries=False,
                    headers={"Accept-Encoding": "identity", "User-Agent": "pushscan"},
                    ssl_context=self._tls,
                    assert_hostname=host,
                    server_hostname=host,
                    watchdog=self._watchdog,
                )
            return self._pools[key]
