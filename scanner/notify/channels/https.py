"""Posts to an HTTPS endpoint, of which the URL is a secret.

The standard library's connection, not urllib3: its timeouts are for each read, so an endpoint
that sends a byte now and then would hold a worker for hours. Here one deadline, armed before the
TLS handshake, cuts the socket. There is no redirect, no retry (the queue retries) and no proxy.
"""

import contextlib
import http.client
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from scanner.errors import NoticeError
from scanner.notify.channels.retry_after import seconds_until_retry
from scanner.sockets import cut_after
from scanner.text import visible

SEND_SECONDS: Final = 20.0

_IDLE_SECONDS = 10.0
_HTTPS_PORT = 443
_MAXIMUM_ANSWER_BYTES = 2_048
_MAXIMUM_ANSWER_CHARACTERS = 200
_SECRET_PART = re.compile(r"[^/?&=]{8,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An HTTPS URL to post to; it is kept out of reprs, logs and messages, `route` stands for it.

    Raises ValueError for an unfit URL.
    """

    route: str
    url: str = field(repr=False)
    ca_file: Path | None = None
    """CA certificates to trust instead of the system's, as PEM."""
    send_seconds: float = SEND_SECONDS
    """For handshake, request and status line together, once the connection stands."""

    def __post_init__(self) -> None:
        if fault := url_fault(self.url):
            raise ValueError(f"route {self.route}: {fault}")

    def post(self, body: bytes, headers: Mapping[str, str]) -> str:
        """Post a body; return status and the beginning of the answer, for a person to read.

        Raises NoticeError unless the endpoint answers 2xx in time.
        """
        try:
            answer = self._post(body, {"user-agent": "pushscan", **headers})
        except (OSError, http.client.HTTPException, ValueError) as error:
            # No cause: it may quote the URL. Out of time looks like a lost connection here.
            raise NoticeError(f"route {self.route}: {type(error).__name__}") from None
        if answer.status not in range(200, 300):
            raise NoticeError(
                f"route {self.route}: answered {answer.text}", retry_after=answer.retry_after
            )
        return answer.text

    def _post(self, body: bytes, headers: Mapping[str, str]) -> "_Answer":
        url = urlsplit(self.url)
        host, port = url.hostname or "", url.port or _HTTPS_PORT
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        trust = ssl.create_default_context(cafile=self.ca_file)
        with (
            socket.create_connection((host, port), timeout=_IDLE_SECONDS) as plain_socket,
            cut_after(self.send_seconds, plain_socket),
            trust.wrap_socket(plain_socket, server_hostname=host) as tls_socket,
            contextlib.closing(http.client.HTTPSConnection(host, port)) as connection,
        ):
            connection.sock = tls_socket
            connection.request("POST", target, body=body, headers=dict(headers))
            with connection.getresponse() as response:
                return self._read(response, headers.get("authorization", ""))

    def _read(self, response: http.client.HTTPResponse, authorization: str) -> "_Answer":
        untrusted = b""
        # The status says it all; the rest is for who tests a route, as far as it is there.
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            untrusted = response.read1(_MAXIMUM_ANSWER_BYTES)
        said = self._presentable(untrusted.decode(errors="replace").strip(), authorization)
        return _Answer(
            status=response.status,
            text=f"{response.status}: {said}" if said else str(response.status),
            retry_after=seconds_until_retry(response.headers.get("retry-after"), datetime.now(UTC)),
        )

    def _presentable(self, untrusted: str, authorization: str) -> str:
        """Cut an answer to a line; nothing is left of one that quotes what is secret."""
        parts = urlsplit(self.url)
        secrets = _SECRET_PART.findall(f"{parts.path}?{parts.query}")
        secrets += authorization.split()[1:]
        if any(secret in untrusted or unquote(secret) in untrusted for secret in secrets):
            return "(its words are withheld: they quote the URL or the token)"
        return visible(untrusted, _MAXIMUM_ANSWER_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    text: str
    retry_after: float | None


def url_fault(url: str) -> str:
    """Say what makes a URL unfit to post to, without quoting it; empty when nothing does."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "the URL has blanks or is not ASCII"
    parts = urlsplit(url)
    if not _has_port_number(parts):
        return "the URL's port is not a number up to 65535"
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
        return "needs an https URL without user or fragment"
    return ""


def _has_port_number(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False
