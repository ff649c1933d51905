"""Posts notices to an HTTPS endpoint.

The standard library's connection, not urllib3: its timeouts are for each read, so an endpoint
that sends a byte now and then would hold a worker for hours. Here one deadline, armed before the
TLS handshake, cuts the socket. There is no redirect, no retry (the queue retries) and no proxy.
"""

import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from scanner.errors import NoticeError
from scanner.notify.cloud_event import CONTENT_TYPE, MAX_BODY_BYTES
from scanner.notify.route import Route
from scanner.notify.signature import signature_headers
from scanner.sockets import cut_after

SEND_SECONDS = 20.0

_IDLE_SECONDS = 10.0
_HTTPS_PORT = 443


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Sends a notice as one signed POST."""

    send_seconds: float = SEND_SECONDS
    """For handshake, request and status line together, once the connection stands."""
    clock: Callable[[], datetime] = _now

    def send(self, route: Route, *, notice_id: str, body: bytes) -> None:
        """Post the notice. Raises NoticeError unless the endpoint answers 2xx in time.

        What is raised names the route and the status, never the URL: it often holds a token.
        """
        if len(body) > MAX_BODY_BYTES:
            raise NoticeError(f"route {route.name}: the notice is over {MAX_BODY_BYTES} bytes")
        headers = {
            "content-type": CONTENT_TYPE,
            "user-agent": "pushscan",
            **signature_headers(route.key(), notice_id=notice_id, sent_at=self.clock(), body=body),
        }
        try:
            status = self._post(route, body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # No cause: it may quote the URL. Out of time looks like a lost connection here.
            raise NoticeError(f"route {route.name}: {type(error).__name__}") from None
        if status not in range(200, 300):
            raise NoticeError(f"route {route.name}: answered {status}")

    def _post(self, route: Route, body: bytes, headers: dict[str, str]) -> int:
        url = urlsplit(route.url)
        host, port = url.hostname or "", url.port or _HTTPS_PORT
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        with (
            socket.create_connection((host, port), timeout=_IDLE_SECONDS) as plain_socket,
            cut_after(self.send_seconds, plain_socket),
            _trust(route).wrap_socket(plain_socket, server_hostname=host) as tls_socket,
            contextlib.closing(http.client.HTTPSConnection(host, port)) as connection,
        ):
            connection.sock = tls_socket
            connection.request("POST", target, body=body, headers=headers)
            with connection.getresponse() as response:
                # The status says it all; what the endpoint adds is not ours to read.
                return response.status


def _trust(route: Route) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=route.ca_file)
