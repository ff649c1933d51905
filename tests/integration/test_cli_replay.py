"""Replaying over real HTTP and TLS, at a receiver that remembers what it was sent."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import Result

from local.certificates import Certificates
from tests.command_line import HOSTILE, OBEYED, pushscan
from tests.examples import REGISTRY, body, push_event
from tests.fakes import InMemoryReportStore

pytestmark = pytest.mark.integration

SECRET = "replay-secret-of-twenty-four"  # noqa: S105 - a test's own
ENDLESS = 65_537
"""An answer of this many bytes has no end."""
ACCEPTED = (202, b'{"job": "f7e4be59d30de1ebca4512e82ed3b232"}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What the receiver was sent."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(kw_only=True)
class Receiver:
    """An app that answers as it is told."""

    url: str
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    """One a request; ACCEPTED once they are used up."""
    location: str = ""
    is_done: threading.Event = field(default_factory=threading.Event)
    """Until it is set, an endless answer is held open."""
    posts: list[Post] = field(default_factory=list)


@contextmanager
def _receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    running = Receiver(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            running.posts.append(
                Post(path=self.path, headers=dict(self.headers.items()), body=content)
            )
            status, answer = running.answers.pop(0) if running.answers else ACCEPTED
            self.send_response(status)
            self.send_header(
                "Content-Length", str(10**9 if len(answer) == ENDLESS else len(answer))
            )
            if running.location:
                self.send_header("Location", running.location)
            self.end_headers()
            self.wfile.write(answer)
            if len(answer) == ENDLESS:
                self.wfile.flush()
                running.is_done.wait(20)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "https" if tls else "http"
    running.url = f"{scheme}://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver on plain HTTP, named by the environment."""
    with _receiver() as running:
        monkeypatch.setenv("PUSHSCAN_URL", running.url)
        monkeypatch.setenv("PUSHSCAN_WEBHOOK_SECRET", SECRET)
        monkeypatch.delenv("PUSHSCAN_CA_FILE", raising=False)
        yield running


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A recorded push, to a registry that is somebody else's."""
    path = tmp_path / "push.json"
    path.write_bytes(body(push_event(request_host="recorded.azurecr.io")))
    return path


def _replay(*arguments: str | Path) -> Result:
    return pushscan("replay", *map(str, arguments), store=InMemoryReportStore())


def test_a_payload_is_posted_as_it_was_recorded(receiver: Receiver, payload: Path) -> None:
    """To the webhook's path, with the secret, byte for byte."""
    result = _replay(payload)
    assert result.exit_code == 0
    assert f"202 Accepted     {payload}  job f7e4be59d30de1ebca4512e82ed3b232" in result.stdout
    (post,) = receiver.posts
    assert post.path == "/api/acr/webhook"
    assert post.headers["Authorization"] == f"Bearer {SECRET}"
    assert post.headers["Content-Type"] == "application/json"
    assert post.body == payload.read_bytes()


def test_the_registry_is_replaced_on_demand(
    receiver: Receiver, payload: Path, tmp_path: Path
) -> None:
    """And nothing else; a ping, which names none, stays as it is."""
    ping = tmp_path / "ping.json"
    ping.write_text('{"id": "1", "action": "ping"}')
    assert _replay(payload, ping, "--registry", REGISTRY).exit_code == 0
    assert json.loads(receiver.posts[0].body) == push_event(request_host=REGISTRY)
    assert json.loads(receiver.posts[1].body) == {"id": "1", "action": "ping"}


def test_one_refusal_fails_the_whole(receiver: Receiver, payload: Path, tmp_path: Path) -> None:
    """Every file is still posted, and told of."""
    other = tmp_path / "other.json"
    other.write_bytes(payload.read_bytes())
    receiver.answers = [(403, b'{"error": "request.host: is not a registry of ours"}'), ACCEPTED]
    result = _replay(payload, other)
    assert result.exit_code == 1
    assert "403 Forbidden" in result.stdout
    assert "error request.host: is not a registry of ours" in result.stdout
    assert "202 Accepted" in result.stdout


def test_json_tells_each_payload(receiver: Receiver, payload: Path) -> None:
    """One array, and nothing else."""
    receiver.answers = [(200, b'{"ignored": "ping"}')]
    assert json.loads(_replay(payload, "--json").stdout) == [
        {"payload": str(payload), "status": 200, "job": None, "ignored": "ping", "error": None}
    ]


def test_a_redirect_is_a_refusal(receiver: Receiver, payload: Path) -> None:
    """The secret goes to the named host and to no other."""
    receiver.answers, receiver.location = [(307, b"")], f"{receiver.url}/elsewhere"
    result = _replay(payload)
    assert result.exit_code == 1
    assert "307 Temporary Redirect" in result.stdout
    assert len(receiver.posts) == 1


@pytest.mark.parametrize(
    "answer", [b"", b"no json", b"[1]", b'{"job": 1}', b'{"job": "' + b"x" * 70_000, b"\xff"]
)
def test_an_answer_that_is_no_json_does_no_harm(
    receiver: Receiver, payload: Path, answer: bytes
) -> None:
    """The status alone decides."""
    receiver.answers = [(202, answer)]
    assert _replay(payload).exit_code == 0


def test_an_endless_answer_is_cut(receiver: Receiver, payload: Path) -> None:
    """What is longer than any answer of ours is not read to its end."""
    receiver.answers = [(202, b"x" * ENDLESS)]
    result = _replay(payload)
    receiver.is_done.set()
    assert result.exit_code == 0


def test_a_hostile_answer_is_inert(receiver: Receiver, payload: Path) -> None:
    """Whatever answers at that URL may not be ours."""
    receiver.answers = [(400, json.dumps({"error": HOSTILE}).encode())]
    output = _replay(payload).stdout
    assert "\\x1b[31m" in output
    assert not [character for character in OBEYED if character in output]


def test_nobody_there_is_told_in_a_word(
    receiver: Receiver, payload: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query in the URL may be a key, so it is not shown."""
    del receiver
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("PUSHSCAN_URL", f"http://127.0.0.1:{port}/api/acr/webhook?code=hush")
    result = _replay(payload)
    assert result.exit_code == 1
    assert "no answer: Connection refused" in result.stdout
    assert "hush" not in result.output


@pytest.mark.parametrize(
    "url",
    [
        "http://contoso.example/",
        "ftp://localhost/",
        "localhost:7071",
        "https://user:word@contoso.example/",
        "http://localhost:99999/",
        "http://localhost@contoso.example/",
    ],
)
def test_an_unfit_url_is_refused(receiver: Receiver, payload: Path, url: str) -> None:
    """Before anything is sent: plain http would show the secret on the way."""
    result = _replay(payload, "--to", url)
    assert result.exit_code == 1
    assert result.stderr.startswith("pushscan: the app's URL ")
    assert receiver.posts == []


def test_without_a_secret_nothing_is_sent(
    receiver: Receiver, payload: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read from the environment, never from the command line."""
    monkeypatch.delenv("PUSHSCAN_WEBHOOK_SECRET")
    result = _replay(payload)
    assert (result.exit_code, receiver.posts) == (1, [])
    assert "PUSHSCAN_WEBHOOK_SECRET is missing" in result.stderr


@pytest.mark.parametrize(
    ("content", "options"), [(b"x" * 65_537, []), (b"{", ["--registry", REGISTRY])]
)
def test_a_file_that_cannot_be_sent_stops_all(
    receiver: Receiver, payload: Path, tmp_path: Path, content: bytes, options: list[str]
) -> None:
    """No half of a recording is replayed."""
    unfit = tmp_path / "unfit.json"
    unfit.write_bytes(content)
    result = _replay(payload, unfit, *options)
    assert result.exit_code == 1
    assert str(unfit) in result.stderr
    assert receiver.posts == []


def test_a_file_that_is_not_there_is_misuse(receiver: Receiver, tmp_path: Path) -> None:
    """Exit 2."""
    assert _replay(tmp_path / "none.json").exit_code == 2
    assert receiver.posts == []


def test_tls_is_verified_by_the_named_authority(
    receiver: Receiver, payload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the secret does not leave."""
    del receiver
    certificates = Certificates.create(tmp_path / "certificates")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.cert_file, certificates.key_file)
    with _receiver(tls) as secure:
        refused = _replay(payload, "--to", secure.url)
        monkeypatch.setenv("PUSHSCAN_CA_FILE", str(certificates.ca_file))
        accepted = _replay(payload, "--to", secure.url)
    assert refused.exit_code == 1
    assert "set PUSHSCAN_CA_FILE" in refused.stdout
    assert accepted.exit_code == 0
    assert len(secure.posts) == 1
