from pathlib import Path

import pytest

from scanner.notify.channels.https import Endpoint
from scanner.notify.channels.webhook import Webhook

URL = "https://hooks.example/T0KEN"


def _webhook(*, url: str = URL, secret: str = "s" * 24) -> Webhook:
    endpoint = Endpoint(route="images", url=url, ca_file=Path("ca.pem"))
    return Webhook(endpoint=endpoint, secret=secret)


def test_a_webhook_shows_neither_url_nor_secret() -> None:
    """The URL of a chat's webhook is a secret too."""
    shown = repr(_webhook())
    assert "T0KEN" not in shown
    assert "sss" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "https://",
        "https:///path",
        "https://user:pass@hooks.example/",
        "https://hooks.example/#here",
        "https://hooks.example:0/",
        "https://hooks.example:65536/",
        "https://hooks.example:x/",
        "ftp://hooks.example/",
        "hooks.example",
        "",
    ],
)
def test_an_unfit_url_is_refused_without_being_quoted(url: str) -> None:
    """Https only; nothing that a client would have to interpret."""
    with pytest.raises(ValueError, match="route images") as caught:
        _webhook(url=url)
    assert url == "" or url not in str(caught.value)


def test_a_secret_is_base64_or_plain() -> None:
    """Standard Webhooks writes `whsec_` and base64; any other secret is its own bytes."""
    assert _webhook(secret="whsec_" + "QUFB" * 8).key() == b"A" * 24
    assert _webhook(secret="s" * 30).key() == b"s" * 30


@pytest.mark.parametrize("secret", ["", "s" * 23, "whsec_", "whsec_QUFB", "whsec_***not base64***"])
def test_a_weak_secret_is_refused_without_being_quoted(secret: str) -> None:
    """24 bytes at least, as the scheme asks."""
    with pytest.raises(ValueError, match="secret") as caught:
        _webhook(secret=secret)
    assert secret == "" or secret not in str(caught.value)
