"""The settings for where notices go: two webhooks, and a file for all else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scanner.environment import Environment
from scanner.notify.channels.https import Endpoint
from scanner.notify.channels.webhook import Webhook
from scanner.notify.report_link import EXPECTED, NO_LINK, ReportLink

_BLOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PREFIX = "PUSHSCAN_ROUTE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """A route in two settings."""

    name: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    ca_file: Path | None

    def channel(self) -> Webhook:
        """Build the channel. Raises ValueError for an unfit URL or secret."""
        endpoint = Endpoint(route=self.name, url=self.url, ca_file=self.ca_file)
        return Webhook(endpoint=endpoint, secret=self.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """Where the file of routes is; at most one of the two is set."""

    path: Path | None = None
    blob: str | None = None
    """Its name in the container `policies` of our own storage."""
    secrets: Mapping[str, str] = field(repr=False, default_factory=dict)
    """What the file names instead of holding it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSettings:
    """What is needed to send notices."""

    webhooks: tuple[WebhookSettings, ...]
    route_file: RouteSettings
    ca_file: Path | None
    identity_client_id: str | None
    in_azure: bool
    """Whether the host offers managed identities."""
    report_link: ReportLink = NO_LINK


def read(environment: Environment) -> RouteSettings:
    """Read where the routes are; the file itself is read when it is needed."""
    name = "PUSHSCAN_ROUTES"
    value = environment.optional(name)
    secrets = environment.beginning(_PREFIX)
    if value is None:
        for unused in sorted(secrets):
            environment.fault(unused, f"is set, but {name} is not")
        return RouteSettings()
    if "/" in value:
        path = Path(value)
        if not path.is_file():
            environment.fault(name, "is not a file that exists")
        return RouteSettings(path=path, secrets=secrets)
    if not _BLOB.fullmatch(value):
        environment.fault(name, "is neither a path nor the name of a blob")
    return RouteSettings(blob=value, secrets=secrets)


def read_report_link(environment: Environment) -> ReportLink:
    """Read where people read on."""
    return environment.parsed("PUSHSCAN_REPORT_LINK", ReportLink.parse, NO_LINK, EXPECTED)


def read_webhooks(environment: Environment, ca_file: Path | None) -> tuple[WebhookSettings, ...]:
    """Read the two webhooks; faults are noted in the environment."""
    webhooks = (
        _webhook(environment, "images", "PUSHSCAN_NOTICE", ca_file),
        _webhook(environment, "operators", "PUSHSCAN_OPERATORS", ca_file),
    )
    return tuple(filter(None, webhooks))


def _webhook(
    environment: Environment, name: str, prefix: str, ca_file: Path | None
) -> WebhookSettings | None:
    url, secret = (environment.optional(f"{prefix}_{part}") for part in ("URL", "SECRET"))
    if url is None and secret is None:
        return None
    webhook = WebhookSettings(name=name, url=url or "", secret=secret or "", ca_file=ca_file)
    try:
        webhook.channel()
    except ValueError as error:
        environment.fault(f"{prefix}_URL and {prefix}_SECRET", f"are unfit: {error}")
        return None
    return webhook
