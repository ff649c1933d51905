from dataclasses import replace

import pytest

from scanner.model import TransitionKind
from scanner.notify.route import Route, Routes
from tests.reports import transition_by, unhealthy_report

URL = "https://hooks.example/T0KEN"


def _route(*, url: str = URL, secret: str = "s" * 24) -> Route:
    return Route(name="images", url=url, secret=secret)


def test_a_route_shows_neither_url_nor_secret() -> None:
    """The URL of a chat's webhook is a secret too."""
    assert repr(_route()) == "Route(name='images', ca_file=None)"


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
        _route(url=url)
    assert url == "" or url not in str(caught.value)


def test_a_secret_is_base64_or_plain() -> None:
    """Standard Webhooks writes `whsec_` and base64; any other secret is its own bytes."""
    assert _route(secret="whsec_" + "QUFB" * 8).key() == b"A" * 24
    assert _route(secret="s" * 30).key() == b"s" * 30


@pytest.mark.parametrize("secret", ["", "s" * 23, "whsec_", "whsec_QUFB", "whsec_***not base64***"])
def test_a_weak_secret_is_refused_without_being_quoted(secret: str) -> None:
    """24 bytes at least, as the scheme asks."""
    with pytest.raises(ValueError, match="secret") as caught:
        _route(secret=secret)
    assert secret == "" or secret not in str(caught.value)


def test_transitions_go_to_those_who_can_act() -> None:
    """Images' owners fix images, operators fix the service."""
    both = Routes(images=_route(), operators=replace(_route(), name="operators"))
    report = unhealthy_report()
    assert {
        kind: [route.name for route in both.of(transition_by(report, kind))]
        for kind in TransitionKind
    } == {
        kind: ["operators" if kind is TransitionKind.BECAME_UNKNOWN else "images"]
        for kind in TransitionKind
    }
    unknown = transition_by(report, TransitionKind.BECAME_UNKNOWN)
    assert Routes(images=_route()).of(unknown) == ()


def test_a_route_is_found_by_its_name() -> None:
    """None where no one listens, or where there is no such route any more."""
    routes = Routes(images=_route())
    assert routes.find("images") == _route()
    assert routes.find("operators") is None
    assert routes.find("team-a") is None
