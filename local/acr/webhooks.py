"""Webhooks as ACR fires them: one POST, no retry, 5 seconds, the secret in Authorization.

Bodies: learn.microsoft.com, "Azure Container Registry webhook reference".
"""

import json
import queue
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from local.acr.catalogue import StoredManifest, timestamp

_RESPONSE_SECONDS = 5.0
_ANSWER_CHARACTERS = 4096
_DRAIN_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """Where events go, and what proves to the receiver that they come from the registry."""

    url: str = field(repr=False)
    """May carry a function key, hence not shown."""
    secret: str = field(repr=False)
    ca_file: Path | None = None
    """Authority of an https receiver on this machine."""
    copies: int = 1
    """How often each event is sent, as replicas of a geo-replicated registry do; ids differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event that was sent, and the answer."""

    event_id: str
    content: Mapping[str, Any]
    headers: Mapping[str, str]
    """As the service lists them: Authorization masked."""
    request_uri: str
    status: int | None
    """None when no answer came within 5 s."""
    answer: str

    def as_json(self) -> dict[str, Any]:
        """Render one entry of ARM's `listEvents`."""
        return {
            "id": self.event_id,
            "eventRequestMessage": {
                "content": dict(self.content),
                "headers": dict(self.headers),
                "method": "POST",
                "requestUri": self.request_uri,
                "version": "1.1",
            },
            "eventResponseMessage": {
                "content": self.answer,
                # The service lists a receiver that was too slow as 504.
                "statusCode": str(self.status or 504),
                "version": "1.1",
            },
        }


class Webhooks:
    """Sends events in the background, in order, and keeps what came of each."""

    def __init__(self, login_server: str, target: WebhookTarget | None) -> None:
        self.target = target
        """Where events go; None sends none. May be changed while the registry runs."""
        self._login_server = login_server
        self._waiting: queue.Queue[tuple[WebhookTarget, dict[str, Any]] | None] = queue.Queue()
        self._deliveries: list[Delivery] = []
        self._settled = threading.Condition()
        self._unsettled = 0
        self._made = 0
        self._thread = threading.Thread(target=self._send_all, name="acr-webhooks", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send what waits, for at most 6 s, and end."""
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join(_DRAIN_SECONDS)

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """What was sent so far, oldest first."""
        return tuple(self._deliveries)

    def list_events(self) -> dict[str, Any]:
        """Answer as ARM's `listEvents` does, newest first."""
        return {"value": [delivery.as_json() for delivery in reversed(self.deliveries)]}

    def wait_until_sent(self, seconds: float = 10.0) -> None:
        """Wait until every event so far was answered or timed out; TimeoutError after `seconds`."""
        with self._settled:
            if not self._settled.wait_for(lambda: self._unsettled == 0, seconds):
                raise TimeoutError(f"{self._unsettled} webhook events are still unsent")

    def pushed(
        self, repository: str, manifest: StoredManifest, tag: str | None, useragent: str
    ) -> None:
        """Tell of a manifest PUT; the tag only if the PUT named one."""
        size = len(manifest.content)
        target: dict[str, Any] = {
            "mediaType": manifest.media_type,
            "size": size,
            "digest": manifest.digest,
            "length": size,
            "repository": repository,
        }
        if tag is not None:
            target["tag"] = tag
        self._fire({"action": "push", "target": target, "request": self._cause("PUT", useragent)})

    def deleted(self, repository: str, manifest: StoredManifest | None, useragent: str) -> None:
        """Tell of a deleted manifest, or of a whole repository when there is none to name."""
        target: dict[str, Any] = {"repository": repository}
        if manifest is not None:
            named = {"mediaType": manifest.media_type, "digest": manifest.digest}
            target = named | target
        cause = self._cause("DELETE", useragent)
        self._fire({"action": "delete", "target": target, "request": cause})

    def ping(self) -> None:
        """Send what `az acr webhook ping` sends."""
        self._fire({"action": "ping"})

    def _cause(self, method: str, useragent: str) -> dict[str, str]:
        cause = {"id": str(uuid.uuid4()), "host": self._login_server, "method": method}
        return cause | ({"useragent": useragent} if useragent else {})

    def _fire(self, event: Mapping[str, Any]) -> None:
        target = self.target
        if target is None:
            return
        for _ in range(target.copies):
            self._made += 1
            # Both widths have been captured; alternating them makes every receiver meet both.
            digits = 7 if self._made % 2 else 9
            identity = {"id": str(uuid.uuid4()), "timestamp": timestamp(digits)}
            with self._settled:
                self._unsettled += 1
            self._waiting.put((target, identity | dict(event)))

    def _send_all(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            self._deliveries.append(_deliver(*waiting))
            with self._settled:
                self._unsettled -= 1
                self._settled.notify_all()


def _deliver(target: WebhookTarget, event: Mapping[str, Any]) -> Delivery:
    body = json.dumps(event, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(body)),
        "User-Agent": "AzureContainerRegistry/1.0",
    }
    secret = {"Authorization": f"Bearer {target.secret}"}
    deadline = time.monotonic() + _RESPONSE_SECONDS
    status, answer = None, ""
    with urllib3.PoolManager(ca_certs=target.ca_file and str(target.ca_file)) as pool:
        try:
            response = pool.request(
                "POST",
                target.url,
                body=body,
                headers=headers | secret,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(total=_RESPONSE_SECONDS),
                preload_content=False,
            )
            answer = response.read(_ANSWER_CHARACTERS).decode(errors="replace")
            response.close()
            status = response.status if time.monotonic() < deadline else None
        except urllib3.exceptions.HTTPError as error:
            answer = type(error).__name__
    return Delivery(
        event_id=event["id"],
        content=event,
        headers=headers | {"Authorization": "******"},
        request_uri=target.url.partition("?")[0],
        status=status,
        answer=answer,
    )
