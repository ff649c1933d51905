import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from azure.communication.email import EmailClient
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient

from local.certificates import Certificates
from local.channel_sink import Answer, ChannelSink
from scanner.errors import NoticeError
from scanner.notify.channels import azure_mail, event, event_grid
from scanner.notify.channels.azure_mail import AzureMail
from scanner.notify.channels.channel import Channel
from scanner.notify.channels.event_grid import EventGrid
from scanner.notify.channels.https import Endpoint
from scanner.notify.channels.slack import Slack
from scanner.notify.channels.teams import Teams
from scanner.notify.channels.webhook import Webhook
from tests import announcements
from tests.announcements import NEWLY_UNHEALTHY
from tests.contracts.channel_contract import SECRET, ChannelContract

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Write a throw-away authority and a certificate for this machine."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


class Identity:
    """A managed identity: hands out tokens, and remembers for what."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:  # noqa: ANN401  the SDK's
        """Return a token that lasts an hour."""
        self.scopes += scopes
        return AccessToken(SECRET, int(datetime.now(UTC).timestamp()) + 3_600)


def _endpoint(url: str, ca_file: Path | None) -> Endpoint:
    return Endpoint(route="shop", url=f"{url}/hooks/{SECRET}?sig={SECRET}", ca_file=ca_file)


class TestWebhook(ChannelContract):
    """Signed CloudEvents."""

    def channel(self, url: str, ca_file: Path | None) -> Channel:
        """Return a webhook."""
        return Webhook(endpoint=_endpoint(url, ca_file), secret=SECRET * 2)


class TestTeams(ChannelContract):
    """A workflow, which answers 202."""

    largest: ClassVar[int] = 20_000

    def channel(self, url: str, ca_file: Path | None) -> Channel:
        """Return a workflow."""
        return Teams(endpoint=_endpoint(url, ca_file))


class TestSlack(ChannelContract):
    """An incoming webhook, which answers `ok`."""

    largest: ClassVar[int] = 4 * 12_000

    accepts: ClassVar[Answer] = Answer(status=200, body=b"ok")

    def channel(self, url: str, ca_file: Path | None) -> Channel:
        """Return an incoming webhook."""
        return Slack(endpoint=_endpoint(url, ca_file))

    def test_what_slack_finds_wrong_is_passed_on(
        self, sink: ChannelSink, certificates: Certificates
    ) -> None:
        """Its one word tells what to mend."""
        with sink:
            sink.answer_next(Answer(status=400, body=b"invalid_blocks"))
            with pytest.raises(NoticeError, match=r"^route shop: answered 400: invalid_blocks$"):
                self.channel(sink.url, certificates.ca_file).send(NEWLY_UNHEALTHY)


class TestEventGrid(ChannelContract):
    """A topic."""

    accepts: ClassVar[Answer] = Answer(status=200)

    def channel(self, url: str, ca_file: Path | None) -> Channel:
        """Return a topic."""
        return self._topic(url, ca_file, Identity())

    @staticmethod
    def _topic(url: str, ca_file: Path | None, credential: TokenCredential) -> EventGrid:
        topic = f"{url}/api/events?api-version={event_grid.API_VERSION}"
        return EventGrid(
            endpoint=Endpoint(route="shop", url=topic, ca_file=ca_file), credential=credential
        )

    def test_a_topic_gets_what_the_sdk_sends(
        self, sink: ChannelSink, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Microsoft's client posts the same event to the same place, with the same token."""
        # The client for topics takes no options of its transport, so it is told this way.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca_file))
        ours, theirs = Identity(), Identity()
        said = json.loads(event.compose(NEWLY_UNHEALTHY))
        names = ("id", "source", "type", "subject", "datacontenttype", "data")
        published: CloudEvent[object] = CloudEvent(
            **{name: said[name] for name in names}, time=NEWLY_UNHEALTHY.at
        )
        with sink:
            self._topic(sink.url, certificates.ca_file, ours).send(NEWLY_UNHEALTHY)
            topic = f"{sink.url}/api/events"
            with EventGridPublisherClient(topic, theirs) as client:
                client.send([published])
            [own, expected] = sink.accepted
        assert own.path == expected.path
        for name in ("content-type", "authorization"):
            assert own.headers[name] == expected.headers[name]
        assert ours.scopes == theirs.scopes == ["https://eventgrid.azure.net/.default"]
        [[own_event], [expected_event]] = own.json, expected.json
        assert own_event.pop("time")[:19] == expected_event.pop("time")[:19]
        assert own_event == expected_event


class TestAzureMail(ChannelContract):
    """Communication Services."""

    largest: ClassVar[int] = 256 * 1024

    accepts: ClassVar[Answer] = Answer(
        status=202,
        headers={"operation-location": "https://localhost/emails/operations/1"},
        body=b'{"id": "1", "status": "Running"}',
    )

    def channel(self, url: str, ca_file: Path | None) -> Channel:
        """Return a resource."""
        return self._resource(url, ca_file, Identity())

    @staticmethod
    def _resource(url: str, ca_file: Path | None, credential: TokenCredential) -> AzureMail:
        resource = f"{url}/emails:send?api-version={azure_mail.API_VERSION}"
        return AzureMail(
            endpoint=Endpoint(route="shop", url=resource, ca_file=ca_file),
            sender="pushscan@contoso.com",
            recipients=("team@contoso.com", "lead@contoso.com"),
            credential=credential,
        )

    def test_a_digest_is_one_mail_as_the_sdk_sends_it(
        self, sink: ChannelSink, certificates: Certificates
    ) -> None:
        """Microsoft's client posts the same to the same place, with the same token."""
        ours, theirs = Identity(), Identity()
        with sink:
            resource = self._resource(sink.url, certificates.ca_file, ours)
            resource.send_digest(announcements.ALL)
            [own] = sink.accepted
            with EmailClient(
                sink.url, theirs, connection_verify=str(certificates.ca_file)
            ) as client:
                client.begin_send(own.json, polling=False)
            [_, expected] = sink.accepted
        assert (own.path, own.json) == (expected.path, expected.json)
        for name in ("content-type", "authorization"):
            assert own.headers[name] == expected.headers[name]
        assert ours.scopes == theirs.scopes

    def test_a_mail_goes_to_everybody(self, sink: ChannelSink, certificates: Certificates) -> None:
        """In both forms, and nobody counts who opens it."""
        with sink:
            self.channel(sink.url, certificates.ca_file).send(NEWLY_UNHEALTHY)
            [request] = sink.accepted
        mail = request.json
        assert mail["recipients"]["to"] == [
            {"address": "team@contoso.com"},
            {"address": "lead@contoso.com"},
        ]
        assert mail["userEngagementTrackingDisabled"] is True
        assert mail["content"]["subject"].startswith("shop/cart:v7 is unhealthy since ")
        assert mail["content"]["plainText"].startswith("shop/cart:v7 is unhealthy since ")
        assert mail["content"]["html"].count("<h1 ") == 1
