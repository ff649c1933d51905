"""How the channel of a route is opened: its part of the file, and the settings that it names.

Whoever may write the file chooses among our settings of one prefix, and only Azure's own hosts are
handed a token: the file can neither send a secret of ours elsewhere nor our identity.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from scanner.notify.channels import azure_mail, event_grid
from scanner.notify.channels.apprise import Apprise
from scanner.notify.channels.channel import Channel
from scanner.notify.channels.https import Endpoint
from scanner.notify.channels.pace import Paced
from scanner.notify.channels.slack import Slack
from scanner.notify.channels.smtp import Security, Smtp
from scanner.notify.channels.teams import Teams
from scanner.notify.channels.webhook import Webhook
from scanner.notify.routes.parts import mail_recipients, mail_sender, required
from scanner.policy.members import Members

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

SETTINGS_PREFIX: Final = "PUSHSCAN_ROUTE_"

_SETTING = re.compile(SETTINGS_PREFIX + r"[A-Z0-9_]{1,64}")
_TOPIC = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)?\.eventgrid\.azure\.net/api/events")
_MAIL = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)?\.communication\.azure\.com/?")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_MAXIMUM_PORT = 65_535
_PORTS = {Security.TLS: 465, Security.STARTTLS: 587}
_Built = TypeVar("_Built")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What channels need that is not in the file."""

    settings: Mapping[str, str] = field(repr=False)
    """Those whose name begins with `SETTINGS_PREFIX`."""
    credential: Callable[[], "TokenCredential"]
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Opens the channel of a route."""

    open: Callable[[], Channel]
    takes_digest: bool = False


class Openings:
    """Reads the channels of a file, and notes which settings they name."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._named: set[str] = set()

    def unused(self) -> list[str]:
        """Return the settings that no route has named so far: misspelt ones, or forgotten."""
        return sorted(self._around.settings.keys() - self._named)

    def read(self, route: Members, name: str) -> Opening:
        """Return how to open a route's channel; faults are noted."""
        kinds = {
            "webhook": self._webhook,
            "event_grid": self._event_grid,
            "teams": self._teams,
            "slack": self._slack,
            "azure_mail": self._azure_mail,
            "smtp": self._smtp,
            "apprise": self._apprise,
        }
        named = [kind for kind in kinds if kind in route]
        if len(named) != 1:
            problem = f"needs one channel out of {', '.join(kinds)}"
            route.fault(named[-1] if named else "name", problem)
        for kind in named:
            members = route.inner(kind)
            if members is not None:
                opening = kinds[kind](members, name)
                members.refuse_unread()
                return opening
        return _NEVER

    def _webhook(self, members: Members, name: str) -> Opening:
        url, secret = self._setting(members, "url"), self._setting(members, "secret")
        endpoint = self._built(members, "url", url, lambda: self._endpoint(name, url))
        if endpoint is None:
            return _NEVER
        return self._opening(
            members, "secret", secret, lambda: Webhook(endpoint=endpoint, secret=secret)
        )

    def _event_grid(self, members: Members, name: str) -> Opening:
        expected = "an address like https://TOPIC.REGION-1.eventgrid.azure.net/api/events"
        address = required(members, "endpoint", _TOPIC, expected)
        url = f"{address}?api-version={event_grid.API_VERSION}"
        return _opens(
            lambda: event_grid.EventGrid(
                endpoint=self._endpoint(name, url), credential=self._around.credential()
            )
        )

    def _teams(self, members: Members, name: str) -> Opening:
        url = self._setting(members, "url")
        return self._opening(members, "url", url, lambda: Teams(endpoint=self._endpoint(name, url)))

    def _slack(self, members: Members, name: str) -> Opening:
        url = self._setting(members, "url")
        return self._opening(members, "url", url, lambda: Slack(endpoint=self._endpoint(name, url)))

    def _azure_mail(self, members: Members, name: str) -> Opening:
        expected = "an address like https://NAME.communication.azure.com"
        address = required(members, "endpoint", _MAIL, expected).removesuffix("/")
        url = f"{address}/emails:send?api-version={azure_mail.API_VERSION}"
        sender, recipients = mail_sender(members), mail_recipients(members)
        return _opens(
            lambda: azure_mail.AzureMail(
                endpoint=self._endpoint(name, url),
                sender=sender,
                recipients=recipients,
                credential=self._around.credential(),
            ),
            takes_digest=True,
        )

    def _smtp(self, members: Members, name: str) -> Opening:
        security = members.one_of("security", Security) or Security.STARTTLS
        channel = Smtp(
            route=name,
            host=required(members, "host", _HOST, "a host"),
            port=members.number("port", 1, _MAXIMUM_PORT) or _PORTS[security],
            security=security,
            sender=mail_sender(members),
            recipients=mail_recipients(members),
            user=members.text("user") if "user" in members else "",
            password=self._setting(members, "password") if "user" in members else "",
            ca_file=self._around.ca_file,
        )
        return _opens(lambda: channel, takes_digest=True)

    def _apprise(self, members: Members, name: str) -> Opening:
        url = self._setting(members, "url")
        return self._opening(members, "url", url, lambda: Apprise(route=name, url=url))

    def _endpoint(self, name: str, url: str) -> Endpoint:
        return Endpoint(route=name, url=url, ca_file=self._around.ca_file)

    def _setting(self, members: Members, name: str) -> str:
        """Return the value of the setting that a member names; empty where there is none."""
        if name not in members:
            members.missing(name)
        inner = members.inner(name)
        if inner is None:
            return ""
        setting = inner.text("setting")
        inner.refuse_unread()
        if setting and not _SETTING.fullmatch(setting):
            # Not quoted: somebody may have written the secret itself.
            inner.fault("setting", f"is not the name of a setting that begins {SETTINGS_PREFIX}")
            return ""
        self._named.add(setting)
        value = self._around.settings.get(setting, "")
        if setting and not value:
            inner.fault("setting", f"names {setting}, which is not set")
        return value

    def _opening(
        self, members: Members, name: str, value: str, build: Callable[[], Channel]
    ) -> Opening:
        """Build a channel at once, so that what is wrong with a setting is known at once."""
        channel = self._built(members, name, value, build)
        return _NEVER if channel is None else _opens(lambda: channel)

    @staticmethod
    def _built(
        members: Members, name: str, value: str, build: Callable[[], _Built]
    ) -> _Built | None:
        if not value:
            # That it is missing has been said.
            return None
        try:
            return build()
        except ValueError as error:
            # Our own words, which do not quote the value.
            members.fault(name, f"is unfit: {error}")
            return None


def _opens(build: Callable[[], Channel], *, takes_digest: bool = False) -> Opening:
    # Opened once: the channel remembers what it has sent.
    return Opening(open=cache(lambda: Paced(channel=build())), takes_digest=takes_digest)


def _never() -> Channel:
    raise AssertionError("a file with faults opens no channel")


_NEVER = Opening(open=_never)
