import logging
from collections.abc import Iterator

import pytest

from local.certificates import Certificates
from local.channel_sink import Answer, ChannelSink
from scanner.errors import NoticeError
from scanner.notify.announcement import Announcement
from scanner.notify.channels.apprise import Apprise
from tests import announcements
from tests.announcements import NEWLY_UNHEALTHY

pytestmark = [
    pytest.mark.integration,
    # Apprise still imports it where it exists; from Python 3.13 on it does not.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

SECRET = "wp8fZq3LrT6yVn1K"  # noqa: S105  of this test


@pytest.fixture
def sink(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ChannelSink]:
    """Run an endpoint for Apprise's own JSON format."""
    certificates = Certificates.create(tmp_path_factory.mktemp("certificates"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca_file))
    with ChannelSink(
        certificates.cert_file, certificates.key_file, answer=Answer(status=200)
    ) as running:
        yield running


def _channel(sink: ChannelSink) -> Apprise:
    return Apprise(route="shop", url=f"{sink.url.replace('https', 'jsons')}/{SECRET}")


@pytest.mark.parametrize("told", announcements.ALL, ids=lambda told: told.kind.value)
def test_an_announcement_arrives_once(sink: ChannelSink, told: Announcement) -> None:
    """Headline and text, as plain text."""
    assert _channel(sink).send(told) == "delivered"
    [request] = sink.accepted
    assert "shop/cart:v7" in request.json["title"]
    assert "Read on: " in request.json["message"]


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
def test_a_refusal_holds_no_secret(
    sink: ChannelSink, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Neither do the library's logs, nor those of the libraries below it."""
    caplog.set_level(logging.DEBUG)
    channel = _channel(sink)
    sink.answer_next(Answer(status=status))
    with pytest.raises(NoticeError, match=r"^route shop: Apprise could not deliver it$"):
        channel.send(NEWLY_UNHEALTHY)
    for seen in (repr(channel), caplog.text):
        assert SECRET not in seen


def test_a_url_that_nobody_knows_is_a_refusal() -> None:
    """The message names the route."""
    with pytest.raises(NoticeError, match="does not know this kind of URL"):
        Apprise(route="shop", url=f"nothing://{SECRET}").send(NEWLY_UNHEALTHY)


@pytest.mark.parametrize("option", ["verify=no", "verify=yes", "Verify=0"])
def test_certificates_are_always_verified(option: str) -> None:
    """Apprise would take it from the URL."""
    with pytest.raises(ValueError, match="must not say"):
        Apprise(route="shop", url=f"jsons://localhost/?{option}")
