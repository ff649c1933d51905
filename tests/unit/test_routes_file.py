from pathlib import Path

import pytest
from azure.core.credentials import TokenCredential

from scanner.errors import SettingsError
from scanner.model import Severity, TransitionKind
from scanner.notify.channels.pace import Paced
from scanner.notify.channels.smtp import Security, Smtp
from scanner.notify.channels.teams import Teams
from scanner.notify.routes.file import read_routes
from scanner.notify.routes.opening import Surroundings
from scanner.notify.routes.route import Route

URL = "https://prod-7.westeurope.logic.azure.com/workflows/0b1c?sig=wp8fZq3LrT6yVn1K"
SETTINGS = {"PUSHSCAN_ROUTE_URL": URL, "PUSHSCAN_ROUTE_KEY": "k" * 32}
TEAMS = "teams: {url: {setting: PUSHSCAN_ROUTE_URL}}"


def _no_credential() -> TokenCredential:
    raise AssertionError("nobody asks Azure while a file is read")


def _read(text: str, settings: dict[str, str]) -> tuple[Route, ...]:
    around = Surroundings(settings=settings, credential=_no_credential)
    return read_routes("routes.yaml", text.encode(), around).routes


def _route(*lines: str, settings: dict[str, str] | None = None) -> Route:
    """Read a file of one route, whose lines begin in the file's fourth."""
    body = "".join(f"    {line}\n" for line in lines)
    used = settings if settings is not None else {"PUSHSCAN_ROUTE_URL": URL}
    [route] = _read(f"version: 1\nroutes:\n  - name: shop\n{body}", used)
    return route


def test_the_example_in_the_documentation_is_read() -> None:
    """Word for word."""
    page = (Path(__file__).parents[2] / "docs/notices.md").read_text()
    text = page.partition("```yaml\n")[2].partition("```")[0]
    names = ("SHOP_URL", "OPERATORS_URL", "MAIL_PASSWORD")
    shop, operators, daily, bus = _read(text, {f"PUSHSCAN_ROUTE_{name}": URL for name in names})
    assert (shop.least, shop.where.repositories) == (Severity.HIGH, ("shop/**", "blog"))
    assert shop.quiet is not None
    assert (shop.quiet.zone.key, shop.quiet.urgent) == ("Europe/Berlin", Severity.CRITICAL)
    assert operators.kinds == {TransitionKind.BECAME_UNKNOWN, TransitionKind.RESOLVED}
    assert daily.digest is not None
    assert bus.name == "bus"


def test_a_channel_is_opened_once_and_paced() -> None:
    """It remembers what it has sent."""
    route = _route(TEAMS)
    channel = route.open_channel()
    assert isinstance(channel, Paced)
    assert isinstance(channel.channel, Teams)
    assert route.open_channel() is channel


def test_mail_servers_have_their_usual_port() -> None:
    """587 with STARTTLS, 465 with TLS at once."""
    lines = "host: mail.contoso.com, from: a@contoso.com, to: b@contoso.com"
    for more, security, port in (
        ("", Security.STARTTLS, 587),
        (", security: tls", Security.TLS, 465),
        (", port: 2525", Security.STARTTLS, 2525),
    ):
        paced = _route(f"smtp: {{{lines}{more}}}", settings={}).open_channel()
        assert isinstance(paced, Paced)
        assert isinstance(paced.channel, Smtp)
        assert (paced.channel.security, paced.channel.port) == (security, port)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("severity: SEVERE", r":5: routes\[1\].severity is 'SEVERE', not LOW, MEDIUM, HIGH or"),
        ("severity: UNKNOWN", r":5: routes\[1\].severity is "),
        ("colour: red", r":5: routes\[1\].colour is not known here"),
        ("where: {repos: x}", r":5: routes\[1\].where.repos is not known here"),
        ("transitions: [still]", r":5: routes\[1\].transitions has 'still', which is not one of"),
        ("transitions: [resolved]", r":5: routes\[1\].transitions has `resolved` without"),
        ("quiet: {from: 24:00, until: 07:00}", r"quiet.from is '24:00', not a time like"),
        ("quiet: {from: 7:00, until: 08:00}", r"quiet.from is '7:00', not a time like"),
        ("quiet: {from: 07:00, until: 07:00}", r"quiet.until is when they begin"),
        ("quiet: {from: 07:00}", r"quiet.until is missing"),
        ("quiet: {from: 07:00, until: 08:00, zone: ../x}", r"quiet.zone is '../x', not a time"),
        ("quiet: {from: 07:00, until: 08:00, zone: Mars/Base}", r"quiet.zone is 'Mars/Base'"),
        ("digest: {at: 08:00}", r":5: routes\[1\].digest is for mail only"),
        ("slack: {url: {setting: PUSHSCAN_ROUTE_URL}}", r":5: routes\[1\].slack needs one"),
    ],
)
def test_a_fault_names_line_and_field(line: str, fault: str) -> None:
    """And what was expected."""
    with pytest.raises(SettingsError, match=fault):
        _route(TEAMS, line)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("teams: {url: https://x.example/wp8fZq3LrT6yVn1K}", "teams.url is not a mapping"),
        ("teams: {url: {setting: wp8fZq3LrT6yVn1K}}", "is not the name of a setting that begins"),
        ("teams: {url: {setting: PUSHSCAN_STORAGE}}", "is not the name of a setting that begins"),
        ("teams: {url: {setting: PUSHSCAN_ROUTE_NONE}}", "PUSHSCAN_ROUTE_NONE, which is not set"),
        ("teams: {url: {setting: PUSHSCAN_ROUTE_KEY}}", "teams.url is unfit: .*needs an https"),
        ("slack: {}", "slack.url is missing"),
        (
            "webhook: {url: {setting: PUSHSCAN_ROUTE_URL}, secret: {setting: PUSHSCAN_ROUTE_NO}}",
            "PUSHSCAN_ROUTE_NO, which is not set",
        ),
        ("apprise: {url: {setting: PUSHSCAN_ROUTE_VERIFY}}", "must not say whether"),
        ("event_grid: {endpoint: https://evil.example/api/events}", "not an address like"),
        ("event_grid: {endpoint: https://t.eventgrid.azure.net.evil.example/api/events}", "not an"),
        ("azure_mail: {endpoint: https://evil.example, from: a@b.c, to: a@b.c}", "not an address"),
        ("smtp: {host: a b, from: a@b.c, to: a@b.c}", "smtp.host is 'a b', not a host"),
        ("smtp: {host: a, from: x, to: a@b.c}", "smtp.from is 'x', not an address"),
        ("smtp: {host: a, from: a@b.c, to: ['a@b.c, x']}", "smtp.to has 'a@b.c, x', which is"),
        ('smtp: {host: a, from: a@b.c, to: "a@b.c\\nBcc: d@e.f"}', "smtp.to has "),
        ("smtp: {host: a, from: a@b.c, to: a@b.c, user: x}", "smtp.password is missing"),
        ("smtp: {host: a, from: a@b.c, to: a@b.c, security: none}", "smtp.security is 'none'"),
        ("severity: HIGH", "needs one channel out of webhook, event_grid, teams"),
    ],
)
def test_a_channel_that_cannot_be_is_a_fault(line: str, fault: str) -> None:
    """Where a secret may stand it is not quoted, and no token or secret of ours goes elsewhere."""
    settings = SETTINGS | {"PUSHSCAN_ROUTE_VERIFY": "jsons://x.example/?verify=no"}
    with pytest.raises(SettingsError, match=fault) as caught:
        _route(line, settings=settings)
    assert "wp8fZq3LrT6yVn1K" not in str(caught.value)
    assert "k" * 32 not in str(caught.value)


def test_all_faults_are_named_at_once() -> None:
    """Those of several routes too, and settings that no route names."""
    text = (
        "version: 2\n"
        "routes:\n"
        f"  - name: shop\n    {TEAMS}\n    severity: x\n"
        f"  - name: shop\n    {TEAMS}\n    colour: red\n"
    )
    with pytest.raises(SettingsError) as caught:
        _read(text, SETTINGS)
    for fault in (
        "routes.yaml:1: version is '2', not 1",
        "routes.yaml:2: routes have the name 'shop' twice",
        "routes.yaml:2: routes never name the setting PUSHSCAN_ROUTE_KEY",
        "routes.yaml:5: routes[1].severity",
        "routes.yaml:8: routes[2].colour",
    ):
        assert fault in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "routes: []", "version: 1", "- x", "version: 1\nroutes: &a [*a]"]
)
def test_what_is_no_file_of_routes_is_a_fault(text: str) -> None:
    """Whatever else it is."""
    with pytest.raises(SettingsError, match=r"^routes: routes.yaml:"):
        _read(text, {})


def test_a_file_that_is_too_large_is_not_read() -> None:
    """Nor as far as it fits."""
    with pytest.raises(SettingsError, match=r"^routes: routes\.yaml is larger than 262144 bytes$"):
        _read(f"version: 1\nroutes: []\n#{' ' * 256 * 1024}", {})
