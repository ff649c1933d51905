"""A document from an HTTPS address or a file: as many bytes as are allowed, in the time there is.

The standard library's connection, as for notices: one deadline cuts the socket, whatever trickles.
Redirects are followed within the host only, for a name like `current` that stands for a date.
"""

import contextlib
import gzip
import http.client
import io
import socket
import ssl
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from scanner.errors import ExploitsError
from scanner.sockets import cut_after

_IDLE_SECONDS: Final = 15.0
_HTTPS_PORT: Final = 443
_REDIRECTS: Final = 3
_GZIP: Final = b"\x1f\x8b"
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Fetches documents. Safe to use from several threads."""

    ca_file: Path | None
    seconds: float = 60.0
    """For one document, redirects included each anew."""

    def fetch(self, source: str, *, max_bytes: int) -> bytes:
        """Return a document, unpacked if it is gzip; `max_bytes` counts before and after.

        Raises ExploitsError, which never quotes the address: it may hold a token.
        """
        packed = (
            self._get(source, max_bytes)
            if source.startswith("https://")
            else _read(Path(source), max_bytes)
        )
        return _unpacked(packed, max_bytes) if packed.startswith(_GZIP) else packed

    def _get(self, source: str, max_bytes: int) -> bytes:
        host = urlsplit(source).netloc
        for _ in range(_REDIRECTS + 1):
            try:
                found = self._ask(source, max_bytes)
            except (OSError, http.client.HTTPException, ValueError) as error:
                # No cause: it may quote the address. Out of time looks like a lost connection.
                raise ExploitsError(f"{host}: {type(error).__name__}") from None
            if isinstance(found, bytes):
                return found
            source = urljoin(source, found)
            if (urlsplit(source).scheme, urlsplit(source).netloc) != ("https", host):
                raise ExploitsError(f"{host}: redirects to another host; name that one instead")
        raise ExploitsError(f"{host}: redirects more than {_REDIRECTS} times")

    def _ask(self, source: str, max_bytes: int) -> bytes | str:
        """Return the document, or where it has moved."""
        url = urlsplit(source)
        host, port = url.hostname or "", url.port or _HTTPS_PORT
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        context = ssl.create_default_context(cafile=self.ca_file)
        with (
            socket.create_connection((host, port), timeout=_IDLE_SECONDS) as plain_socket,
            cut_after(self.seconds, plain_socket),
            context.wrap_socket(plain_socket, server_hostname=host) as tls_socket,
            contextlib.closing(http.client.HTTPSConnection(host, port)) as connection,
        ):
            connection.sock = tls_socket
            connection.request("GET", target, headers={"user-agent": "pushscan", "accept": "*/*"})
            with connection.getresponse() as response:
                if response.status in _MOVED:
                    return response.headers.get("location", "")
                if response.status != _OK:
                    raise ExploitsError(f"{url.netloc}: answered {response.status}")
                content = response.read(max_bytes + 1)
                if len(content) <= max_bytes and response.length:
                    raise http.client.IncompleteRead(b"", response.length)
        return _bounded(content, max_bytes)


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return _bounded(file.read(max_bytes + 1), max_bytes)
    except OSError as error:
        raise ExploitsError(f"{path} cannot be read: {error.strerror}") from error


def _unpacked(packed: bytes, max_bytes: int) -> bytes:
    try:
        with gzip.open(io.BytesIO(packed)) as stream:
            return _bounded(stream.read(max_bytes + 1), max_bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise ExploitsError(f"the gzip file is damaged: {error}") from error


def _bounded(content: bytes, max_bytes: int) -> bytes:
    if len(content) > max_bytes:
        raise ExploitsError(f"the document is larger than {max_bytes} bytes")
    return content
