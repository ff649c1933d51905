"""Publishes announcements to a custom topic of Azure Event Grid, as CloudEvents 1.0.

The identity needs the role EventGrid Data Sender on the topic; there is no key. By REST and not by
azure-eventgrid: see docs/adr/0023-channels.md.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scanner.notify.announcement import Announcement
from scanner.notify.channels import event
from scanner.notify.channels.azure_identity import bearer
from scanner.notify.channels.channel import Rate
from scanner.notify.channels.https import Endpoint

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

API_VERSION = "2018-01-01"

_CONTENT_TYPE = "application/cloudevents-batch+json; charset=utf-8"
_SCOPE = "https://eventgrid.azure.net/.default"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGrid:
    """A topic whose input schema is CloudEvents 1.0."""

    endpoint: Endpoint
    """The topic's, as `https://TOPIC.REGION-1.eventgrid.azure.net/api/events?api-version=...`."""
    credential: "TokenCredential" = field(repr=False)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """None that we could reach: a topic takes 5,000 events a second."""
        return ()

    def send(self, told: Announcement) -> str:
        """Publish one event, at most 64 KiB of the 1 MB that a topic takes. Raises NoticeError."""
        token = bearer(self.credential, _SCOPE, route=self.endpoint.route)
        batch = b"[" + event.compose(told) + b"]"
        return self.endpoint.post(batch, {"content-type": _CONTENT_TYPE, **token})
