import contextlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from local.certificates import Certificates
from local.notice_receiver import NoticeReceiver
from scanner.errors import NoticeError
from scanner.notify.cloud_event import CONTENT_TYPE, MAX_BODY_BYTES, compose
from scanner.notify.composer import Composer
from scanner.notify.route import Route
from scanner.notify.webhook import Webhook
from tests.fakes import InMemoryReportStore
from tests.reports import transition_by, unhealthy_report

pytestmark = pytest.mark.integration

SECRET = "whsec_" + "QUFB" * 8
NOTICE_ID = "ab" * 32
STORE = InMemoryReportStore()
STORE.save(unhealthy_report())
BODY = compose(
    Composer(store=STORE).compose(transition_by(unhealthy_report()), notice_id=NOTICE_ID)
)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Write a throw-away authority and a certificate for this machine."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def receiver(certificates: Certificates) -> Iterator[NoticeReceiver]:
    """Run a receiver that checks signatures."""
    with NoticeReceiver(certificates.cert_file, certificates.key_file, SECRET) as running:
        yield running


@pytest.fixture
def route(receiver: NoticeReceiver, certificates: Certificates) -> Route:
    """Return a route to that receiver."""
    return Route(name="images", url=receiver.url, secret=SECRET, ca_file=certificates.ca_file)


def _send(route: Route, **changes: object) -> None:
    webhook = Webhook(**changes)  # type: ignore[arg-type]  # each test names a real field
    webhook.send(route, notice_id=NOTICE_ID, body=BODY)


def test_a_signed_notice_arrives_over_tls(receiver: NoticeReceiver, route: Route) -> None:
    """Byte for byte, with its id and its media type."""
    _send(route)
    [delivery] = receiver.deliveries
    assert (delivery.id, delivery.content_type) == (NOTICE_ID, CONTENT_TYPE)
    assert delivery.event["data"]["image"] == "contoso.azurecr.io/shop/cart:v7"
    assert receiver.refused == []


def test_a_repeat_is_one_notice_for_who_keeps_ids(receiver: NoticeReceiver, route: Route) -> None:
    """A consumer that drops known ids hears once."""
    _send(route)
    _send(route)
    assert (len(receiver.deliveries), len(receiver.notices)) == (2, 1)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 429, 500, 503])
def test_anything_but_2xx_is_refused(receiver: NoticeReceiver, route: Route, status: int) -> None:
    """Redirects are not followed: the URL is the operator's decision."""
    receiver.answer_next(status)
    with pytest.raises(NoticeError, match=f"route images: answered {status}"):
        _send(route)
    assert receiver.deliveries == ()


def test_a_notice_with_another_secret_is_not_believed(
    receiver: NoticeReceiver, route: Route
) -> None:
    """The receiver that tests and demo rely on really checks."""
    with pytest.raises(NoticeError, match="401"):
        _send(replace(route, secret="x" * 32))
    assert (receiver.deliveries, receiver.refused) == ((), [401])


def test_an_old_signature_is_not_believed(receiver: NoticeReceiver, route: Route) -> None:
    """A replay an hour later is refused."""
    with pytest.raises(NoticeError, match="401"):
        _send(route, clock=lambda: datetime.now(UTC) - timedelta(hours=1))
    assert receiver.refused == [401]


def test_an_endpoint_that_we_have_no_reason_to_trust_gets_nothing(
    receiver: NoticeReceiver, route: Route
) -> None:
    """Without the CA the handshake fails, and what is told holds no part of the URL."""
    with pytest.raises(NoticeError, match=r"^route images: SSLCertVerificationError$"):
        _send(replace(route, ca_file=None))
    assert receiver.deliveries == ()


def test_a_certificate_for_another_host_is_not_accepted(route: Route, tmp_path: Path) -> None:
    """Trusting the authority is not enough."""
    authority = trustme.CA()
    other = authority.issue_cert("other.example")
    files = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    authority.cert_pem.write_to_path(files[0])
    other.cert_chain_pems[0].write_to_path(files[1])
    other.private_key_pem.write_to_path(files[2])
    with NoticeReceiver(files[1], files[2], SECRET) as receiver:
        with pytest.raises(NoticeError, match=r"^route images: SSLCertVerificationError$"):
            _send(replace(route, url=receiver.url, ca_file=files[0]))
        assert receiver.deliveries == ()


def test_an_endpoint_that_is_gone_is_a_refusal(route: Route) -> None:
    """The queue tries again."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(NoticeError, match=r"^route images: ConnectionRefusedError$"):
        _send(replace(route, url=f"https://localhost:{port}/"))


def test_a_notice_over_the_limit_is_not_sent(receiver: NoticeReceiver, route: Route) -> None:
    """64 KiB is what a CloudEvents consumer has to take (specification, "Size Limits")."""
    with pytest.raises(NoticeError, match="over 65536 bytes"):
        Webhook().send(route, notice_id=NOTICE_ID, body=b"x" * (MAX_BODY_BYTES + 1))
    assert receiver.deliveries == ()


def _hold_in_handshake(peer: socket.socket, _tls: ssl.SSLContext, done: threading.Event) -> None:
    peer.recv(1)
    done.wait(30)


def _drip(peer: socket.socket, tls: ssl.SSLContext, done: threading.Event) -> None:
    """Send a status line that never ends, fast enough for any timeout between reads."""
    with tls.wrap_socket(peer, server_side=True) as secured:
        while not done.wait(0.05):
            secured.sendall(b"H")


@pytest.mark.parametrize("behave", [_hold_in_handshake, _drip])
def test_an_endpoint_that_stalls_is_cut_off(
    certificates: Certificates,
    route: Route,
    behave: Callable[[socket.socket, ssl.SSLContext, threading.Event], None],
) -> None:
    """One deadline over handshake, request and answer, however often a byte comes."""
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
        began = time.monotonic()
        with pytest.raises(NoticeError):
            _send(replace(route, url=url), send_seconds=0.5)
        took = time.monotonic() - began
        done.set()
        server.join(timeout=30)
    assert 0.4 < took < 5


def test_the_verifying_code_in_the_documentation_works(
    certificates: Certificates, route: Route
) -> None:
    """It believes our notices, and nothing that differs in one byte."""
    page = (ROOT / "docs/notices.md").read_text()
    [snippet] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Callable[..., bool]] = {}
    exec(snippet, names)  # noqa: S102  our own documentation
    is_from_pushscan = names["is_from_pushscan"]
    seen: list[tuple[dict[str, str], bytes]] = []

    class Recorder(NoticeReceiver):
        def take(self, headers: object, body: bytes | None) -> int:
            assert isinstance(headers, dict)
            assert body is not None
            seen.append((headers, body))
            return super().take(headers, body)

    with Recorder(certificates.cert_file, certificates.key_file, SECRET) as recorder:
        _send(replace(route, url=recorder.url))
    [(headers, body)] = seen
    key = b"A" * 24
    assert is_from_pushscan(headers, body, key)
    assert not is_from_pushscan(headers, body + b" ", key)
    assert not is_from_pushscan(headers, body, b"B" * 24)
    for changes in (
        {"webhook-id": "cd" * 32},
        {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
        {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)},
        {"webhook-signature": "v1,"},
    ):
        assert not is_from_pushscan(headers | changes, body, key)


def test_the_receiver_runs_as_a_program(
    certificates: Certificates, route: Route, tmp_path: Path
) -> None:
    """The demo starts it so, and reads its log."""
    secret_file, log = tmp_path / "secret", tmp_path / "notices.jsonl"
    secret_file.write_text(SECRET + "\n")
    program = [sys.executable, "-m", "local.notice_receiver", "--log", str(log)]
    options = ["--cert", certificates.cert_file, "--key", certificates.key_file]
    with subprocess.Popen(  # noqa: S603  our own program
        [*program, *map(str, options), "--secret-file", str(secret_file)],
        cwd=ROOT,
        env={},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("notices: ").strip()
            _send(replace(route, url=url))
        finally:
            process.terminate()
    [line] = log.read_text().splitlines()
    assert f'"{NOTICE_ID}"' in line
