"""Sends announcements as signed CloudEvents."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from scanner.errors import NoticeError
from scanner.notify.announcement import Announcement
from scanner.notify.channels import event
from scanner.notify.channels.channel import Rate
from scanner.notify.channels.https import Endpoint
from scanner.notify.signature import signature_headers

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

_MINIMUM_KEY_BYTES = 24
"""Standard Webhooks, "Signature scheme": between 24 and 64 bytes."""
_ENCODED_SECRET = "whsec_"  # noqa: S105  a prefix, not a secret


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint that takes CloudEvents, and the secret that signs them.

    The secret is either `whsec_` and base64, as Standard Webhooks writes it, or plain text of
    which the UTF-8 bytes are the key. Raises ValueError for one that is too short or not base64.
    """

    endpoint: Endpoint
    secret: str = field(repr=False)
    clock: Callable[[], datetime] = _now

    def __post_init__(self) -> None:
        if len(self.key()) < _MINIMUM_KEY_BYTES:
            raise ValueError(f"needs a secret of {_MINIMUM_KEY_BYTES} bytes")

    @property
    def rates(self) -> tuple[Rate, ...]:
        """None: who runs the endpoint knows."""
        return ()

    def send(self, told: Announcement) -> str:
        """Post one event. Raises NoticeError."""
        body = event.compose(told)
        if len(body) > event.MAX_BODY_BYTES:
            raise NoticeError(f"route {self.endpoint.route}: the event is too large")
        signed = signature_headers(self.key(), notice_id=told.id, sent_at=self.clock(), body=body)
        return self.endpoint.post(body, {"content-type": CONTENT_TYPE, **signed})

    def key(self) -> bytes:
        """Return the bytes that sign. Raises ValueError for a `whsec_` that is not base64."""
        if not self.secret.startswith(_ENCODED_SECRET):
            return self.secret.encode()
        try:
            return base64.b64decode(self.secret.removeprefix(_ENCODED_SECRET), validate=True)
        except binascii.Error:
            # No cause: it might quote the secret.
            raise ValueError("the secret is not whsec_ and base64") from None
