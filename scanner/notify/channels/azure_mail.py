"""Sends mail through Azure Communication Services.

The identity needs the role Communication and Email Service Owner, or one of its own with the
action to send; there is no key. Accepted means queued there: what becomes of a mail afterwards
stands in that service's logs. By REST: see docs/adr/0023-channels.md.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scanner.notify.announcement import Announcement
from scanner.notify.channels import mail_html, mail_text
from scanner.notify.channels.azure_identity import bearer
from scanner.notify.channels.channel import Rate
from scanner.notify.channels.https import Endpoint

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

API_VERSION = "2025-09-01"

_SCOPE = "https://communication.azure.com//.default"
"""With two slashes, as Microsoft's own SDK asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureMail:
    """A resource of Communication Services, with a verified sender."""

    endpoint: Endpoint
    """As `https://NAME.communication.azure.com/emails:send?api-version=...`."""
    sender: str
    recipients: tuple[str, ...]
    credential: "TokenCredential" = field(repr=False)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """What a resource is given at first ("Service limits", Email)."""
        return (Rate(messages=30, seconds=60), Rate(messages=100, seconds=3_600))

    def send(self, told: Announcement) -> str:
        """Send one mail. Raises NoticeError."""
        return self.send_digest([told])

    def send_digest(self, told: Sequence[Announcement], *, missing: int = 0) -> str:
        """Send one mail on all of them. Raises NoticeError."""
        message = {
            "senderAddress": self.sender,
            "recipients": {"to": [{"address": address} for address in self.recipients]},
            "content": {
                "subject": mail_text.subject(told),
                "plainText": mail_text.text(told, missing),
                "html": mail_html.page(told, missing),
            },
            # It would load a picture from elsewhere and rewrite the links.
            "userEngagementTrackingDisabled": True,
        }
        token = bearer(self.credential, _SCOPE, route=self.endpoint.route)
        body = json.dumps(message, ensure_ascii=False).encode()
        return self.endpoint.post(body, {"content-type": "application/json", **token})
