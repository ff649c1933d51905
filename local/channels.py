"""A webhook, Teams, Slack and a mail server on this machine, and the routes that lead there."""

import contextlib
import email
import email.policy
import secrets
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from local.certificates import Certificates
from local.channel_sink import ChannelSink, Request
from local.mail_sink import MailSink
from scanner.model import TransitionKind

_ROUTES: Final = """\
version: 1
routes:
  - name: webhook
    transitions: ALL
    webhook:
      url: {setting: PUSHSCAN_ROUTE_WEBHOOK_URL}
      secret: {setting: PUSHSCAN_ROUTE_WEBHOOK_SECRET}
  - name: teams
    transitions: ALL
    teams: {url: {setting: PUSHSCAN_ROUTE_TEAMS_URL}}
  - name: slack
    transitions: ALL
    slack: {url: {setting: PUSHSCAN_ROUTE_SLACK_URL}}
"""
_MAIL_ROUTE: Final = """\
  - name: mail
    transitions: ALL
    smtp:
      host: localhost
      port: PORT
      from: pushscan@contoso.example
      to: team@contoso.example
      user: pushscan
      password: {setting: PUSHSCAN_ROUTE_MAIL_PASSWORD}
"""
_ALL: Final = f"[{', '.join(TransitionKind)}]"


class Channels:
    """All of them take what they are sent, over TLS; complete once the context is entered."""

    def __init__(self, home: Path, certificates: Certificates, *, has_mail: bool = True) -> None:
        """Write the routes under `home`."""
        self._file = home / "routes.yaml"
        self._password = secrets.token_urlsafe(24)
        files = (certificates.cert_file, certificates.key_file)
        self._sink = ChannelSink(*files)
        self._mail = MailSink(*files, self._password) if has_mail else None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Begin to listen, and write the routes."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._sink)
            text = _ROUTES
            if self._mail is not None:
                stack.enter_context(self._mail)
                text += _MAIL_ROUTE.replace("PORT", str(self._mail.port))
            self._file.write_text(text.replace("ALL", _ALL), encoding="utf-8")
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._cleanup.close()

    def settings(self) -> dict[str, str]:
        """Return what an operator would set for these routes."""
        mail = {"PUSHSCAN_ROUTE_MAIL_PASSWORD": self._password} if self._mail is not None else {}
        return {
            "PUSHSCAN_ROUTES": str(self._file),
            "PUSHSCAN_ROUTE_WEBHOOK_URL": f"{self._sink.url}/webhook",
            "PUSHSCAN_ROUTE_WEBHOOK_SECRET": secrets.token_urlsafe(24),
            "PUSHSCAN_ROUTE_TEAMS_URL": f"{self._sink.url}/teams",
            "PUSHSCAN_ROUTE_SLACK_URL": f"{self._sink.url}/slack",
            **mail,
        }

    def wait_for(self, count: int, *, seconds: float) -> bool:
        """Wait until this many posts have come, on all channels together; False when out of time.

        Mail is not counted.
        """
        return self._sink.wait_for(count, seconds=seconds)

    @property
    def events(self) -> list[Any]:
        """The CloudEvents that the webhook took."""
        return [request.json for request in self._posted("/webhook")]

    @property
    def cards(self) -> list[Any]:
        """The adaptive cards that Teams took."""
        return [
            attachment["content"]
            for request in self._posted("/teams")
            for attachment in request.json["attachments"]
        ]

    @property
    def slack_messages(self) -> list[Any]:
        """The messages that Slack took: `text` and `blocks`."""
        return [request.json for request in self._posted("/slack")]

    @property
    def mails(self) -> list[EmailMessage]:
        """The mails that the server took; empty where there is none."""
        taken = self._mail.mails if self._mail is not None else []
        return [
            email.message_from_bytes(envelope.content, policy=email.policy.default)
            for envelope in taken
            if isinstance(envelope.content, bytes)
        ]

    def _posted(self, path: str) -> list[Request]:
        return [request for request in self._sink.accepted if request.path == path]
