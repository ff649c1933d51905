"""Takes notices over HTTPS as a team's endpoint would: checks the signature, keeps what is true.

Run `python -m local.notice_receiver --help` for the options of the program.
"""

import argparse
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.tls_server import TlsServer

MAX_BODY_BYTES = 64 * 1024
OLDEST_SECONDS = 300
"""A signature older than this may be a replay (Standard Webhooks, "Verifying webhooks")."""
_IDLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request of which the signature was right."""

    id: str
    """The notice's: a repeat has the same."""
    content_type: str
    event: Mapping[str, Any]
    """The CloudEvent as it came."""


class NoticeReceiver:
    """An HTTPS endpoint on 127.0.0.1 that keeps the notices it was sent.

    Attributes:
        url: Where to post; complete once the context is entered.
        refused: Status codes of the requests that were not verified notices, in order.
    """

    def __init__(
        self,
        cert_file: Path,
        key_file: Path,
        secret: str,
        *,
        port: int = 0,
        log: Path | None = None,
    ) -> None:
        """Serve with this certificate; port 0 picks a free one; `log` gets a line a notice."""
        self.url = ""
        self.refused: list[int] = []
        self._key = _key(secret)
        self._deliveries: list[Delivery] = []
        self._answers: deque[int] = deque()
        self._arrival = threading.Condition()
        self._log = log
        self._server = TlsServer(cert_file, key_file, port=port)

    def __enter__(self) -> Self:
        """Begin to listen; requests are served from now on."""
        receiver = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                self.answer(receiver.take(dict(self.headers), self.read_body()))

        port = self._server.start(Handler)
        self.url = f"https://localhost:{port}/notices"
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
    def deliveries(self) -> tuple[Delivery, ...]:
        """Every verified request that was answered 204, repeats included."""
        with self._arrival:
            return tuple(self._deliveries)

    @property
    def notices(self) -> tuple[Mapping[str, Any], ...]:
        """The CloudEvents received, each id once, in the order of arrival."""
        return tuple({delivery.id: delivery.event for delivery in self.deliveries}.values())

    def answer_next(self, *statuses: int) -> None:
        """Give the next verified requests these statuses, and keep only what got a 2xx."""
        with self._arrival:
            self._answers.extend(statuses)

    def wait_for(self, count: int, *, seconds: float) -> bool:
        """Wait until this many different notices have come; False when time ran out."""
        with self._arrival:
            return self._arrival.wait_for(
                lambda: len({delivery.id for delivery in self._deliveries}) >= count, seconds
            )

    def take(self, headers: Mapping[str, str], body: bytes | None) -> int:
        """Judge one request; return the status to answer."""
        delivery = self._verified(_lower(headers), body) if body is not None else None
        with self._arrival:
            if delivery is None:
                status = 413 if body is None else 401
                self.refused.append(status)
                return status
            status = self._answers.popleft() if self._answers else 204
            if status in range(200, 300):
                self._deliveries.append(delivery)
                self._write_log(delivery)
                self._arrival.notify_all()
            return status

    def _verified(self, headers: Mapping[str, str], body: bytes) -> Delivery | None:
        notice_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > OLDEST_SECONDS:
            return None
        signed = f"{notice_id}.{timestamp}.".encode() + body
        expected = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
        offered = headers.get("webhook-signature", "").split()
        if not any(hmac.compare_digest(f"v1,{expected}", one) for one in offered):
            return None
        content_type = headers.get("content-type", "")
        return Delivery(id=notice_id, content_type=content_type, event=json.loads(body))

    def _write_log(self, delivery: Delivery) -> None:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(delivery.event) + "\n")


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = _IDLE_SECONDS

    def read_body(self) -> bytes | None:
        """Return the body, or None when its length is missing or over the maximum."""
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return None
        return self.rfile.read(int(length))

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is inherited
        """Keep standard error clean; what matters is in `deliveries` and the log file."""


def _lower(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return secret.encode()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Receive Pushscan's notices over HTTPS.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--secret-file", type=Path, required=True, help="argv is seen by all")
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    secret = options.secret_file.read_text(encoding="utf-8").strip()
    with NoticeReceiver(
        options.cert, options.key, secret, port=options.port, log=options.log
    ) as receiver:
        print(f"notices: {receiver.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
