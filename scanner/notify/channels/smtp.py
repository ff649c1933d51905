"""Sends mail through an SMTP server, over TLS only."""

import contextlib
import hashlib
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from enum import StrEnum
from pathlib import Path

from scanner.errors import NoticeError
from scanner.notify.announcement import Announcement
from scanner.notify.channels import mail_html, mail_text
from scanner.notify.channels.channel import Rate
from scanner.sockets import cut_after

SEND_SECONDS = 30.0

_IDLE_SECONDS = 10.0


class Security(StrEnum):
    """When TLS begins; a server without it gets nothing."""

    TLS = "tls"
    """At once, mostly on port 465."""
    STARTTLS = "starttls"
    """After a first word, mostly on port 587."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """A mail server, and who writes to whom."""

    route: str
    host: str
    port: int
    security: Security
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    """Empty where the server asks for no login."""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    send_seconds: float = SEND_SECONDS
    """For all of the conversation, once the connection stands."""
    clock: Callable[[], datetime] = _now

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Not known: it is the server's affair."""
        return ()

    def send(self, told: Announcement) -> str:
        """Send one mail. Raises NoticeError."""
        return self.send_digest([told])

    def send_digest(self, told: Sequence[Announcement], *, missing: int = 0) -> str:
        """Send one mail on all of them. Raises NoticeError."""
        message = self.compose(told, missing)
        try:
            refused = self._hand_over(message)
        except smtplib.SMTPResponseException as error:
            # What the server says is left out: it may quote the login.
            raise NoticeError(f"route {self.route}: answered {error.smtp_code}") from None
        except (OSError, ValueError) as error:
            raise NoticeError(f"route {self.route}: {type(error).__name__}") from None
        # Who got the mail must not get it again for the sake of one who cannot.
        return f"250: {len(self.recipients) - refused} of {len(self.recipients)} recipients"

    def compose(self, told: Sequence[Announcement], missing: int = 0) -> EmailMessage:
        """Write a mail in both forms. Raises ValueError for an address with a line break."""
        message = EmailMessage(policy=SMTP_POLICY)
        message["Subject"] = mail_text.subject(told)
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message["Date"] = format_datetime(self.clock())
        # The same at each attempt: many programs show a repeat once.
        ids = hashlib.sha256("".join(one.id for one in told).encode()).hexdigest()
        message["Message-ID"] = f"<{ids}@pushscan>"
        # So that no absence notice answers (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail_text.text(told, missing))
        message.add_alternative(mail_html.page(told, missing), subtype="html")
        return message

    def _hand_over(self, message: EmailMessage) -> int:
        trust = ssl.create_default_context(cafile=self.ca_file)
        with contextlib.ExitStack() as bounds:
            tls = trust if self.security is Security.TLS else None
            server = bounds.enter_context(_Server(self.host, tls, bounds, self.send_seconds))
            server.connect(self.host, self.port)
            if self.security is Security.STARTTLS:
                server.starttls(context=trust)
            if self.user:
                server.login(self.user, self.password)
            return len(server.send_message(message))


class _Server(smtplib.SMTP):
    """A conversation that is cut when its time is up, however often a byte comes."""

    def __init__(
        self, host: str, tls: ssl.SSLContext | None, bounds: contextlib.ExitStack, seconds: float
    ) -> None:
        super().__init__(timeout=_IDLE_SECONDS)
        # The name that `starttls` holds the certificate against.
        self._host = host
        self._tls = tls
        self._bounds = bounds
        self._seconds = seconds

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain_socket = socket.create_connection((host, port), timeout=timeout)
        self._bounds.enter_context(cut_after(self._seconds, plain_socket))
        if self._tls is None:
            return plain_socket
        return self._tls.wrap_socket(plain_socket, server_hostname=host)
