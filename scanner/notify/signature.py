"""Signs notices as Standard Webhooks says (standardwebhooks.com, specification 1.0.0)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime


def signature_headers(
    key: bytes, *, notice_id: str, sent_at: datetime, body: bytes
) -> Mapping[str, str]:
    """Return `webhook-id`, `webhook-timestamp` (Unix seconds) and `webhook-signature`.

    The signature is HMAC-SHA256 over `id.timestamp.body`, so neither an old body under a new time
    nor a new body under an old signature passes.
    """
    timestamp = str(int(sent_at.timestamp()))
    signed = b".".join((notice_id.encode(), timestamp.encode(), body))
    digest = hmac.digest(key, signed, hashlib.sha256)
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
