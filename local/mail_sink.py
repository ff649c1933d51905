"""An SMTP server on this machine that keeps the mail it was given."""

import asyncio
import logging
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

# aiosmtpd warns at each login of what it does itself.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class MailSink:
    """Takes mail over TLS from who logs in as `pushscan`, and over nothing else.

    Attributes:
        port: Where it listens; known once the context is entered.
        mails: What it accepted, in order.
        answer: What is said to each mail; only one that begins with 2 keeps it.
    """

    def __init__(
        self, cert_file: Path, key_file: Path, password: str, *, implicit_tls: bool = False
    ) -> None:
        """Serve with this certificate, from the first byte or after STARTTLS."""
        self.port = 0
        self.mails: list[Envelope] = []
        self.answer = "250 OK"
        self._password = password
        self._implicit_tls = implicit_tls
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(cert_file, key_file)

    def __enter__(self) -> Self:
        """Begin to listen."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(listener,))
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _run(self, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        tls = self._tls if self._implicit_tls else None
        async with await self._loop.create_server(self._conversation, sock=listener, ssl=tls):
            await self._ended.wait()

    def _conversation(self) -> SMTP:
        return SMTP(
            self,
            hostname="localhost",
            loop=self._loop,
            tls_context=None if self._implicit_tls else self._tls,
            require_starttls=not self._implicit_tls,
            auth_required=True,
            auth_require_tls=not self._implicit_tls,
            authenticator=self._authenticated,
        )

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        if self.answer.startswith("2"):
            self.mails.append(envelope)
        return self.answer

    def _authenticated(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object
    ) -> AuthResult:
        is_known = isinstance(login, LoginPassword) and login == LoginPassword(
            b"pushscan", self._password.encode()
        )
        return AuthResult(success=is_known, handled=False)
