from pathlib import Path

import pytest

from scanner import settings
from scanner.errors import RegistryNotOursError, SettingsError
from scanner.model import AttachmentKind
from scanner.notify.report_link import NO_LINK
from scanner.policy_settings import PolicySettings
from tests.examples import IMAGE, WEBHOOK_SECRET

COMPLETE = {
    "PUSHSCAN_STORAGE": "UseDevelopmentStorage=true",
    "PUSHSCAN_REGISTRIES": "contoso.azurecr.io=contoso.westeurope.geo.azurecr.io|hub.contoso.com, "
    "fabrikam.azurecr.io",
    "PUSHSCAN_WEBHOOK_SECRETS": WEBHOOK_SECRET,
    "PUSHSCAN_ADVISORIES": "/var/lib/pushscan/advisories",
    "PUSHSCAN_TRIVY": "/usr/local/bin/trivy",
    "PUSHSCAN_BUBBLEWRAP": "/usr/bin/bwrap",
}


def test_complete_settings_are_read() -> None:
    """What is left out has the documented default."""
    read = settings.read(COMPLETE)
    assert read.registries.canonical == {"contoso.azurecr.io", "fabrikam.azurecr.io"}
    assert read.registries.find("hub.contoso.com") == "contoso.azurecr.io"
    assert read.policy == PolicySettings()
    assert read.limits.wall_seconds == 480
    assert read.notices.webhooks == ()


def test_nothing_is_attached_unless_somebody_says_so() -> None:
    """And only what they say."""
    assert settings.read(COMPLETE).attaching.kinds == frozenset()
    read = settings.read(COMPLETE | {"PUSHSCAN_ATTACH": "sarif, cyclonedx"})
    assert read.attaching.kinds == frozenset(AttachmentKind)


def test_every_fault_is_listed_in_one_message() -> None:
    """An operator mends the settings once, not once a fault."""
    with pytest.raises(SettingsError) as caught:
        settings.read(
            {"PUSHSCAN_POLICY": "/nowhere/policy.yaml", "PUSHSCAN_NOTICE_URL": "https://x.example"}
        )
    for name in (
        "PUSHSCAN_STORAGE",
        "PUSHSCAN_REGISTRIES",
        "PUSHSCAN_WEBHOOK_SECRETS",
        "PUSHSCAN_ADVISORIES",
        "PUSHSCAN_TRIVY",
        "PUSHSCAN_BUBBLEWRAP",
        "PUSHSCAN_POLICY",
        "PUSHSCAN_NOTICE_SECRET",
    ):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"PUSHSCAN_STORAGE__accountName": "contoso"},
        {"PUSHSCAN_STORAGE": "", "PUSHSCAN_STORAGE__accountName": "Not.An.Account"},
        {"PUSHSCAN_REGISTRIES": "a.azurecr.io=x.io,b.azurecr.io=x.io"},
        {"PUSHSCAN_REGISTRIES": "https://a.azurecr.io"},
        {"PUSHSCAN_REGISTRIES": "a..azurecr.io"},
        {"PUSHSCAN_REGISTRIES": "a-.azurecr.io"},
        {"PUSHSCAN_REGISTRIES": "a.azurecr.io:99999"},
        {"PUSHSCAN_STORAGE": "garbage"},
        {
            "PUSHSCAN_STORAGE": "",
            "PUSHSCAN_STORAGE__accountName": "contoso",
            "PUSHSCAN_STORAGE__clientId": "11111111-2222-3333-4444-555555555555",
        },
        {
            "PUSHSCAN_NOTICE_URL": "https://x.example/a b?token=T",
            "PUSHSCAN_NOTICE_SECRET": "n" * 32,
        },
        {"PUSHSCAN_REGISTRIES": ","},
        {"PUSHSCAN_WEBHOOK_SECRETS": "short"},
        {"PUSHSCAN_WEBHOOK_SECRETS": ","},
        {"PUSHSCAN_WEBHOOK_SECRETS": ",".join(["s" * 24, "t" * 24, "u" * 24])},
        {"PUSHSCAN_SANDBOX": "none"},
        {"PUSHSCAN_SANDBOX": "bubblewrap", "PUSHSCAN_BUBBLEWRAP": ""},
        {"PUSHSCAN_POLICY": "not a blob"},
        {"PUSHSCAN_POLICY": "/etc/passwd"},
        {"PUSHSCAN_SCAN_SECONDS": "541"},
        {"PUSHSCAN_SCAN_SECONDS": "eight"},
        {"PUSHSCAN_CA_FILE": "/nowhere/ca.pem"},
        {"PUSHSCAN_ATTACH": "sarif,spdx"},
        {"PUSHSCAN_BLOB_HOSTS": "https://x"},
        {"PUSHSCAN_NOTICE_SECRET": "n" * 32},
        {"PUSHSCAN_NOTICE_URL": "http://x.example", "PUSHSCAN_NOTICE_SECRET": "n" * 32},
        {"PUSHSCAN_NOTICE_URL": "https://x.example", "PUSHSCAN_NOTICE_SECRET": "whsec_%%%%%%%%%"},
        {"PUSHSCAN_REGISTIRES": "a.azurecr.io"},
    ],
)
def test_contradictory_and_misspelt_settings_are_refused(change: dict[str, str]) -> None:
    """Each names the variable, none shows its value."""
    with pytest.raises(SettingsError) as caught:
        settings.read(COMPLETE | change)
    assert any(name.split("__")[0] in str(caught.value) for name in change)
    assert not any(value in str(caught.value) for value in change.values() if len(value) > 8)


def test_landlock_needs_no_bubblewrap() -> None:
    """That one is what the host has not got; by default both are tried."""
    assert settings.read(COMPLETE).sandbox == "auto"
    read = settings.read(COMPLETE | {"PUSHSCAN_SANDBOX": "landlock", "PUSHSCAN_BUBBLEWRAP": ""})
    assert (read.sandbox, read.bubblewrap) == ("landlock", None)


def test_two_secrets_serve_during_rotation() -> None:
    """The old one goes on working until every webhook has the new one."""
    read = settings.read(COMPLETE | {"PUSHSCAN_WEBHOOK_SECRETS": f"{'a' * 24}, {'b' * 24}"})
    assert read.webhook_secrets == ("a" * 24, "b" * 24)


def test_no_secret_is_in_the_text_of_the_settings() -> None:
    """A settings object may end in a log."""
    secrets = {
        "PUSHSCAN_STORAGE": "AccountName=contoso;AccountKey=storage-secret",
        "PUSHSCAN_NOTICE_URL": "https://x.example/?code=url-secret",
        "PUSHSCAN_NOTICE_SECRET": "n" * 32,
    }
    text = repr(settings.read(COMPLETE | secrets))
    for secret in ("storage-secret", "url-secret", "n" * 32, WEBHOOK_SECRET):
        assert secret not in text


def test_an_identity_takes_the_place_of_a_connection_string() -> None:
    """The account's name is all that storage needs in Azure."""
    read = settings.read(
        COMPLETE
        | {
            "PUSHSCAN_STORAGE": "",
            "PUSHSCAN_STORAGE__accountName": "contososcans",
            "PUSHSCAN_STORAGE__credential": "managedidentity",
            "PUSHSCAN_STORAGE__clientId": "11111111-2222-3333-4444-555555555555",
            "IDENTITY_ENDPOINT": "http://127.0.0.1/msi/token",
        }
    )
    assert read.storage.queue_uri == "https://contososcans.queue.core.windows.net"
    assert read.storage.in_azure


def test_a_registry_of_somebody_else_is_not_found() -> None:
    """Only what the settings name."""
    with pytest.raises(RegistryNotOursError):
        settings.read(COMPLETE).registries.find("evil.azurecr.io")


def test_a_ca_file_that_exists_is_taken(tmp_path: Path) -> None:
    """It is what signs the certificates of a private registry."""
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    assert settings.read(COMPLETE | {"PUSHSCAN_CA_FILE": str(ca_file)}).ca_file == ca_file


def test_reconciling_and_administration_have_settings() -> None:
    """Hourly, everything, and nobody may order a rescan, unless it is said."""
    given = settings.read(COMPLETE)
    assert (given.reconciling.schedule, given.admin_secrets) == ("0 7 * * * *", ())
    assert given.reconciling.choice.admits("shop/cart")
    said = COMPLETE | {
        "PUSHSCAN_RECONCILE_SCHEDULE": "0 */30 * * * *",
        "PUSHSCAN_RECONCILE_ALLOW": "shop/*, base",
        "PUSHSCAN_RECONCILE_DENY": "*/cache",
        "PUSHSCAN_ADMIN_SECRETS": "a" * 24,
    }
    given = settings.read(said)
    assert (given.reconciling.schedule, given.admin_secrets) == ("0 */30 * * * *", ("a" * 24,))
    choice = given.reconciling.choice
    admitted = [name for name in ("shop/api", "shop/cache", "base", "web") if choice.admits(name)]
    assert admitted == ["shop/api", "base"]
    assert "a" * 24 not in repr(given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUSHSCAN_RECONCILE_SCHEDULE", "* * * * *"),
        ("PUSHSCAN_RECONCILE_SCHEDULE", "%WHEN%"),
        ("PUSHSCAN_RECONCILE_ALLOW", "Shop/*"),
        ("PUSHSCAN_RECONCILE_DENY", "a b"),
        ("PUSHSCAN_ADMIN_SECRETS", "short"),
    ],
)
def test_faults_of_reconciling_and_administration_are_told(name: str, value: str) -> None:
    """By name, never by value."""
    with pytest.raises(SettingsError, match=name):
        settings.read(COMPLETE | {name: value})


def test_routes_are_named_by_path_or_by_blob(tmp_path: Path) -> None:
    """What the file names instead of holding it comes along, and stays out of reprs."""
    path = tmp_path / "routes.yaml"
    path.write_text("version: 1")
    secret = {"PUSHSCAN_ROUTE_SHOP_URL": "https://hooks.example/wp8fZq3LrT6yVn1K"}
    by_path = settings.read(COMPLETE | secret | {"PUSHSCAN_ROUTES": str(path)}).notices.route_file
    by_blob = settings.read(COMPLETE | {"PUSHSCAN_ROUTES": "routes.yaml"}).notices.route_file
    assert (by_path.path, by_path.blob, by_path.secrets) == (path, None, secret)
    assert (by_blob.path, by_blob.blob) == (None, "routes.yaml")
    assert "wp8fZq3LrT6yVn1K" not in repr(by_path)


def test_where_to_read_on_is_a_place_without_credentials() -> None:
    """It goes into every message."""
    assert settings.read(COMPLETE).notices.report_link == NO_LINK
    place = {"PUSHSCAN_REPORT_LINK": "https://portal.contoso.com/{digest}"}
    link = settings.read(COMPLETE | place).notices.report_link
    assert link.to(IMAGE, "1") == f"https://portal.contoso.com/sha256%3A{IMAGE.digest.hex}"
    with pytest.raises(
        SettingsError, match="PUSHSCAN_REPORT_LINK is not an https:// URL"
    ) as caught:
        settings.read(COMPLETE | {"PUSHSCAN_REPORT_LINK": "https://a:hunter2@portal.contoso.com/"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"PUSHSCAN_ROUTES": "/nowhere/routes.yaml"},
        {"PUSHSCAN_ROUTES": "no blob"},
        {"PUSHSCAN_ROUTE_SHOP_URL": "https://hooks.example/a"},
    ],
)
def test_routes_that_are_not_there_are_a_fault(change: dict[str, str]) -> None:
    """So is a secret that nothing could name."""
    with pytest.raises(SettingsError, match="PUSHSCAN_ROUTE"):
        settings.read(COMPLETE | change)
