"""One uvicorn server in a thread of its own, on 127.0.0.1, with or without TLS."""

import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from local.certificates import Certificates

_START_SECONDS = 10.0
_STOP_SECONDS = 10.0
# A large send buffer lets one write hand over a whole chunk of a blob.
_SEND_BUFFER_BYTES = 4 * 1024 * 1024


class _Server(uvicorn.Server):
    """Tells when it listens, and on shutdown drops what clients keep open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A TLS connection waits for the peer's goodbye, which an idle pool never says.
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await super().shutdown(sockets)


class Listener:
    """A port on 127.0.0.1 that is taken at once and served from `start` to `stop`.

    Raises:
        OSError: The port is in use.
    """

    def __init__(self, port: int, certificates: Certificates | None = None) -> None:
        self._certificates = certificates
        # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms an answer.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError as error:
            self._socket.close()
            raise OSError(error.errno, f"port {port} on 127.0.0.1 cannot be taken") from error
        self.host = f"localhost:{self._socket.getsockname()[1]}"
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, app: ASGIApp) -> None:
        """Serve the application; returns when connections are accepted.

        Raises:
            TimeoutError: The server did not come up.
        """
        certificates = self._certificates
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificates.cert_file if certificates else None,
            ssl_keyfile=certificates.key_file if certificates else None,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name=f"listener-{self.host}",
            daemon=True,
        )
        self._thread.start()
        if not self._server.listening.wait(_START_SECONDS):
            raise TimeoutError(f"{self.host} did not start within {_START_SECONDS:.0f} s")

    def ask_to_stop(self) -> None:
        """Begin the shutdown, so that several listeners can stop together."""
        if self._server is not None:
            self._server.should_exit = True

    def stop(self) -> None:
        """Drop all connections and wait for the thread to end."""
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        self._socket.close()
