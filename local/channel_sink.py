"""An HTTPS endpoint that stands in for every service that takes notices, and for its moods."""

import http.server
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.tls_server import TlsServer

MAX_BODY_BYTES = 1024 * 1024
_IDLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was posted."""

    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  whatever was posted
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said to a request."""

    status: int = 202
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class ChannelSink:
    """Takes POSTs on 127.0.0.1 and keeps those that it answered with 2xx.

    Attributes:
        url: Where it listens, without a path; complete once the context is entered.
    """

    def __init__(self, cert_file: Path, key_file: Path, *, answer: Answer | None = None) -> None:
        """Serve with this certificate; `answer` is given where no other was ordered."""
        self.url = ""
        self._usual = answer or Answer()
        self._answers: deque[Answer] = deque()
        self._requests: list[Request] = []
        self._arrival = threading.Condition()
        self._server = TlsServer(cert_file, key_file)

    def __enter__(self) -> Self:
        """Begin to listen; requests are served from now on."""
        sink = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                self.reply(sink.take(self.read()))

        self.url = f"https://localhost:{self._server.start(Handler)}"
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop listening and let running requests end."""
        self._server.stop()

    @property
    def accepted(self) -> tuple[Request, ...]:
        """Every request that got a 2xx, in order."""
        with self._arrival:
            return tuple(self._requests)

    def wait_for(self, count: int, *, seconds: float) -> bool:
        """Wait until this many requests got a 2xx; False when time ran out."""
        with self._arrival:
            return self._arrival.wait_for(lambda: len(self._requests) >= count, timeout=seconds)

    def answer_next(self, *answers: Answer) -> None:
        """Give the next requests these answers."""
        with self._arrival:
            self._answers.extend(answers)

    def take(self, request: Request) -> Answer:
        """Keep a request, and say what to answer."""
        with self._arrival:
            answer = self._answers.popleft() if self._answers else self._usual
            if answer.status in range(200, 300):
                self._requests.append(request)
                self._arrival.notify_all()
            return answer


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = _IDLE_SECONDS

    def read(self) -> Request:
        """Read the request, as much of it as may be."""
        length = min(int(self.headers.get("content-length", "0")), MAX_BODY_BYTES)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(path=self.path, headers=headers, body=self.rfile.read(length))

    def reply(self, answer: Answer) -> None:
        """Send an answer."""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is inherited
        """Keep standard error clean; what matters is kept."""
