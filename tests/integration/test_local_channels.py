from pathlib import Path

import pytest

from local.certificates import Certificates
from local.channels import Channels
from scanner import settings
from scanner.storage import StorageConnection
from scanner.wiring.routes import route_table
from tests.announcements import NEWLY_UNHEALTHY

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("has_mail", [True, False])
def test_each_route_leads_to_its_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_mail: bool
) -> None:
    """As the demo shows them."""
    certificates = Certificates.create(tmp_path / "certificates")
    monkeypatch.setenv("PUSHSCAN_CA_FILE", str(certificates.ca_file))
    with Channels(tmp_path, certificates, has_mail=has_mail) as channels:
        for name, value in channels.settings().items():
            monkeypatch.setenv(name, value)
        routes = route_table(settings.load_notices(), _no_storage).routes
        for route in routes:
            route.open_channel().send(NEWLY_UNHEALTHY)
        assert channels.wait_for(3, seconds=10)
        [event], [card] = channels.events, channels.cards
        [message], mails = channels.slack_messages, channels.mails
    assert event["data"]["kind"] == "newly-unhealthy"
    assert card["type"] == "AdaptiveCard"
    assert message["blocks"]
    assert [str(mail["To"]) for mail in mails] == ["team@contoso.example"] * has_mail


def _no_storage() -> StorageConnection:
    raise AssertionError("the routes are a file")
