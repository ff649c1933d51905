"""Sends announcements to a Teams workflow ("When a Teams webhook request is received")."""

from dataclasses import dataclass

from scanner.notify.announcement import Announcement
from scanner.notify.channels import teams_card
from scanner.notify.channels.channel import Rate
from scanner.notify.channels.https import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Teams:
    """A workflow that posts cards; whoever knows its URL may post."""

    endpoint: Endpoint

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Teams throttles over four a second."""
        return (Rate(messages=4, seconds=1),)

    def send(self, told: Announcement) -> str:
        """Post one card. Raises NoticeError."""
        body = teams_card.compose(told)
        return self.endpoint.post(body, {"content-type": "application/json"})
