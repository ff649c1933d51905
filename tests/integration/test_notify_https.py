import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from local.certificates import Certificates
from local.channel_sink import ChannelSink
from scanner.errors import NoticeError
from scanner.notify.channels.https import Endpoint

pytestmark = pytest.mark.integration

Behaviour = Callable[[socket.socket, ssl.SSLContext, threading.Event], None]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Write a throw-away authority and a certificate for this machine."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


def _hold_in_handshake(peer: socket.socket, _tls: ssl.SSLContext, done: threading.Event) -> None:
    peer.recv(1)
    done.wait(30)


def _drip_status(peer: socket.socket, tls: ssl.SSLContext, done: threading.Event) -> None:
    """Send a status line that never ends, fast enough for any timeout between reads."""
    with tls.wrap_socket(peer, server_side=True) as secured:
        while not done.wait(0.05):
            secured.sendall(b"H")


def _drip_headers(peer: socket.socket, tls: ssl.SSLContext, done: threading.Event) -> None:
    with tls.wrap_socket(peer, server_side=True) as secured:
        secured.sendall(b"HTTP/1.1 200 OK\r\nx: ")
        while not done.wait(0.05):
            secured.sendall(b"x")


def _hold_body(peer: socket.socket, tls: ssl.SSLContext, done: threading.Event) -> None:
    """Accept, and then keep the answer's body to itself."""
    with tls.wrap_socket(peer, server_side=True) as secured:
        secured.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\n")
        done.wait(30)


@contextlib.contextmanager
def _endpoint(certificates: Certificates, behave: Behaviour) -> Iterator[Endpoint]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.cert_file, certificates.key_file)
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer, contextlib.suppress(OSError):
            behave(peer, tls, done)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        url = f"https://localhost:{listener.getsockname()[1]}/"
        try:
            yield Endpoint(route="shop", url=url, ca_file=certificates.ca_file, send_seconds=0.5)
        finally:
            done.set()
            server.join(timeout=30)


@pytest.mark.parametrize("behave", [_hold_in_handshake, _drip_status])
def test_an_endpoint_that_stalls_is_cut_off(certificates: Certificates, behave: Behaviour) -> None:
    """One deadline over handshake, request and answer, however often a byte comes."""
    with _endpoint(certificates, behave) as endpoint:
        began = time.monotonic()
        with pytest.raises(NoticeError, match="route shop: "):
            endpoint.post(b"{}", {})
        assert 0.4 < time.monotonic() - began < 5


@pytest.mark.parametrize("behave", [_drip_headers, _hold_body])
def test_what_is_accepted_stays_accepted(certificates: Certificates, behave: Behaviour) -> None:
    """However slow the rest of the answer: sent again, it would be told twice."""
    with _endpoint(certificates, behave) as endpoint:
        began = time.monotonic()
        assert endpoint.post(b"{}", {}) in {"200", "202"}
        assert time.monotonic() - began < 5


def test_a_certificate_for_another_host_is_not_accepted(tmp_path: Path) -> None:
    """Trusting the authority is not enough."""
    authority = trustme.CA()
    other = authority.issue_cert("other.example")
    files = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    authority.cert_pem.write_to_path(files[0])
    other.cert_chain_pems[0].write_to_path(files[1])
    other.private_key_pem.write_to_path(files[2])
    with ChannelSink(files[1], files[2]) as sink:
        endpoint = Endpoint(route="shop", url=sink.url, ca_file=files[0])
        with pytest.raises(NoticeError, match=r"^route shop: SSLCertVerificationError$"):
            endpoint.post(b"{}", {})
        assert sink.accepted == ()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://x.example/",
        "https://",
        "https:///path",
        "https://user@x.example/",
        "https://x.example/#a",
        "https://x.example/a b",
        "https://x.example/\n",
        "https://x.example:99999/",
        "https://\u00fc.example/",
    ],
)
def test_an_unfit_url_is_not_quoted(url: str) -> None:
    """Part of it may be a secret all the same."""
    with pytest.raises(ValueError, match=r"^route shop: ") as caught:
        Endpoint(route="shop", url=url)
    assert not url or url not in str(caught.value)
