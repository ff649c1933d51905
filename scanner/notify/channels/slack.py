"""Sends announcements to a Slack incoming webhook."""

from dataclasses import dataclass

from scanner.notify.announcement import Announcement
from scanner.notify.channels import slack_blocks
from scanner.notify.channels.channel import Rate
from scanner.notify.channels.https import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """A webhook of one Slack channel; whoever knows its URL may post."""

    endpoint: Endpoint

    @property
    def rates(self) -> tuple[Rate, ...]:
        """One a second ("Rate limits", incoming webhooks)."""
        return (Rate(messages=1, seconds=1),)

    def send(self, told: Announcement) -> str:
        """Post one message. Raises NoticeError."""
        body = slack_blocks.compose(told)
        return self.endpoint.post(body, {"content-type": "application/json; charset=utf-8"})
