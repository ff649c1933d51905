"""A registry and its storage over TLS, with faults on demand, which records who sent what."""

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

import trustme
from azure.core.credentials import AccessToken

AAD_TOKEN = "aad-token"  # noqa: S105 - the stand-in's own


class LocalCredential:
    """A credential that hands out the one token that the server knows."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """Return the token and record what it was asked for."""
        self.scopes += scopes
        return AccessToken(AAD_TOKEN, int(time.time()) + 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as a server saw it."""

    server: str
    method: str
    path: str
    headers: dict[str, str]
    body: str


Respond = Callable[["Handler"], bool]
"""A fault: answers the request and returns True, or returns False to let it pass."""


@dataclass(slots=True, kw_only=True)
class State:
    """What the registry holds, and what it is to do wrong."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    faults: list[tuple[str, str, Respond]] = field(default_factory=list)
    """(server, part of the path, what to do); each is used once, in order."""
    token_life_seconds: int = 3600
    location: Callable[[str], str] | None = None
    issued: int = 0
    valid: set[str] = field(default_factory=set)
    refresh_valid: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)
    """Set when the servers stop, so that a stalled answer ends."""

    def add_blob(self, content: bytes) -> str:
        """Keep a blob and return its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return digest

    def add_manifest(self, document: object, media_type: str = "") -> str:
        """Keep a manifest (an object, or bytes as they are) and return its digest."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.manifests[digest] = (media_type or "application/json", body)
        return digest

    def fail(self, server: str, path_part: str, *responds: Respond) -> None:
        """Let the next matching requests go wrong, one fault each."""
        self.faults += [(server, path_part, respond) for respond in responds]

    def requests_to(self, server: str, path_part: str = "") -> list[Seen]:
        """Return what one server has seen."""
        return [one for one in self.seen if one.server == server and path_part in one.path]


class Handler(BaseHTTPRequestHandler):
    """Both servers' requests; which it is stands in `server_name`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: ClassVar[State]
    name: ClassVar[str]
    storage: ClassVar[str]

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        """Answer a manifest or a blob."""
        self._record("")
        if self._fault():
            return
        if self.name == "storage":
            self._blob(self.path.split("?")[0].removeprefix("/data/"))
            return
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.state.valid:
            challenge = 'Bearer realm="https://elsewhere.invalid/oauth2/token",service="elsewhere"'
            self.answer(401, b"{}", {"WWW-Authenticate": challenge + ',scope="registry:catalog:*"'})
        elif "/manifests/" in self.path:
            self._manifest()
        else:
            digest = self.path.rpartition("/")[2]
            location = f"https://{self.storage}/data/{digest}?sig=secret"
            if self.state.location:
                location = self.state.location(digest)
            self.answer(307, b"", {"Location": location, "Set-Cookie": "session=registry"})

    def do_POST(self) -> None:
        """Give tokens."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._record(body)
        if self._fault():
            return
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if self.path.startswith("/oauth2/exchange"):
            is_known = form.get("access_token") == AAD_TOKEN
            self._give_token("refresh_token", self.state.refresh_valid, is_known=is_known)
        else:
            is_known = form.get("refresh_token") in self.state.refresh_valid
            self._give_token("access_token", self.state.valid, is_known=is_known)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send a whole response; `Content-Length` may be overridden, or left out with ''."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        """Close the connection after this response."""
        self.close_connection = True

    def _record(self, body: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(
            server=self.name, method=self.command, path=self.path, headers=headers, body=body
        )
        self.state.seen.append(seen)

    def _fault(self) -> bool:
        for fault in self.state.faults:
            server, path_part, respond = fault
            if server == self.name and path_part in self.path:
                self.state.faults.remove(fault)
                return respond(self)
        return False

    def _give_token(self, member: str, valid: set[str], *, is_known: bool) -> None:
        if not is_known:
            self.answer(401, b"{}")
            return
        self.state.issued += 1
        claims = {"exp": int(time.time()) + self.state.token_life_seconds, "n": self.state.issued}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        token = f"head.{payload}.signature"
        valid.add(token)
        self.answer(200, json.dumps({member: token}).encode())

    def _manifest(self) -> None:
        digest = self.path.rpartition("/")[2].replace("%3A", ":")
        if digest not in self.state.manifests:
            self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
            return
        media_type, body = self.state.manifests[digest]
        self.answer(200, body, {"Content-Type": media_type, "Docker-Content-Digest": digest})

    def _blob(self, digest: str) -> None:
        content = self.state.blobs.get(digest)
        if content is None:
            self.answer(404, b"")
            return
        asked = self.headers.get("Range")
        if asked:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self.answer(206, content[start:], headers)
        else:
            self.answer(200, content)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The two servers' addresses and the authority to trust."""

    state: State
    registry: str
    storage: str
    ca_file: Path


@contextmanager
def run_registry(folder: Path) -> Iterator[Running]:
    """Run the registry and its storage on free ports until the block ends."""
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    state = State()
    storage = _start("storage", context, state, storage="")
    storage_host = f"localhost:{storage.server_address[1]}"
    registry = _start("registry", context, state, storage=storage_host)
    try:
        yield Running(
            state=state,
            registry=f"localhost:{registry.server_address[1]}",
            storage=storage_host,
            ca_file=ca_file,
        )
    finally:
        state.released.set()
        for server in (registry, storage):
            server.shutdown()
            server.server_close()


def _start(name: str, context: ssl.SSLContext, state: State, *, storage: str) -> _QuietServer:
    members: dict[str, Any] = {"state": state, "name": name, "storage": storage}
    server = _QuietServer(("127.0.0.1", 0), type("OneHandler", (Handler,), members))
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    return server
