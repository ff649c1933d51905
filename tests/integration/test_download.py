"""Documents over HTTPS, from servers that behave and from those that do not."""

import contextlib
import gzip
import http.server
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.certificates import Certificates
from scanner.download import Download
from scanner.errors import ExploitsError

pytestmark = pytest.mark.integration

CONTENT = b"cve,epss,percentile\n" * 100


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves one path for each behaviour."""

    def do_GET(self) -> None:
        """Answer by the path."""
        with contextlib.suppress(OSError):
            self._answer(self.path)

    def _answer(self, path: str) -> None:
        match path:
            case "/plain":
                self._send(200, CONTENT)
            case "/packed":
                self._send(200, gzip.compress(CONTENT))
            case "/current":
                self._send(302, b"", location="/plain")
            case "/loop":
                self._send(302, b"", location="/loop")
            case "/away":
                self._send(302, b"", location="https://127.0.0.1:1/plain")
            case "/down":
                self._send(302, b"", location="http://localhost/plain")
            case "/short":
                self._send(200, CONTENT, length=len(CONTENT) + 1)
            case "/drip":
                self._send(200, b"", length=1000)
                for _ in range(600):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.05)
            case _:
                self._send(503, b"")

    def _send(
        self, status: int, content: bytes, *, location: str = "", length: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(content) if length is None else length))
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the parent's name
        """Say nothing."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Write a throw-away authority and a certificate for this machine."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def address(certificates: Certificates) -> Iterator[str]:
    """Run a server, and return its address."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.cert_file, certificates.key_file)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()
        thread.join(timeout=30)


def fetch(source: str, ca_file: Path | None, *, max_bytes: int = 10_000) -> bytes:
    """Fetch, in a second at most."""
    return Download(ca_file=ca_file, seconds=1.0).fetch(source, max_bytes=max_bytes)


@pytest.mark.parametrize("path", ["/plain", "/packed", "/current"])
def test_a_document_is_fetched(address: str, certificates: Certificates, path: str) -> None:
    """Packed or not, and from where it has moved within the host."""
    assert fetch(address + path, certificates.ca_file) == CONTENT


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/none?token=T", r"localhost:\d+: answered 503"),
        ("/loop", r"localhost:\d+: redirects more than 3 times"),
        ("/away", r"localhost:\d+: redirects to another host"),
        ("/down", r"localhost:\d+: redirects to another host"),
        ("/short", r"localhost:\d+: IncompleteRead"),
        ("/drip", r"localhost:\d+: "),
    ],
)
def test_what_does_not_come_whole_in_time_from_that_host_is_refused(
    address: str, certificates: Certificates, path: str, why: str
) -> None:
    """And the address is not told: it may hold a token."""
    began = time.monotonic()
    with pytest.raises(ExploitsError, match=why) as caught:
        fetch(address + path, certificates.ca_file)
    assert "token" not in str(caught.value)
    assert time.monotonic() - began < 10


def test_a_document_over_the_limit_is_refused(address: str, certificates: Certificates) -> None:
    """Before and after unpacking."""
    for path in ("/plain", "/packed"):
        with pytest.raises(ExploitsError, match="larger than 1999 bytes"):
            fetch(address + path, certificates.ca_file, max_bytes=len(CONTENT) - 1)


def test_a_host_that_we_have_no_reason_to_trust_is_not_asked(address: str) -> None:
    """Without the CA the handshake fails."""
    with pytest.raises(ExploitsError, match="SSLCertVerificationError"):
        fetch(f"{address}/plain", None)
