"""An HTTPS server on 127.0.0.1 that answers each connection in a thread of its own."""

import http.server
import ssl
import threading
from pathlib import Path


class TlsServer:
    """Serves from `start` until `stop`."""

    def __init__(self, cert_file: Path, key_file: Path, *, port: int = 0) -> None:
        """Serve with this certificate; port 0 picks a free one."""
        self._port = port
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(cert_file, key_file)

    def start(self, handler: type[http.server.BaseHTTPRequestHandler]) -> int:
        """Begin to listen, and return the port."""
        self._server = _Server(("127.0.0.1", self._port), handler, self._tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self._server.server_port

    def stop(self) -> None:
        """Stop listening and let running requests end."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = False

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[http.server.BaseHTTPRequestHandler],
        tls: ssl.SSLContext,
    ) -> None:
        super().__init__(address, handler)
        # The handshake is left to the request's thread: one slow client must not hold the others.
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is none of our business."""
