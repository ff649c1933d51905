"""Where a blob's redirect may lead."""

from collections.abc import Sequence

import pytest

from scanner.registry.redirects import RedirectRefusedError, RedirectRules, is_public
from scanner.registry.retries import PassingTroubleError

PUBLIC = "20.150.1.2"
STORAGE = "https://wusmanaged174.blob.core.windows.net/c//data?se=2026&sig=x%2F"


def _rules(
    *addresses: str, registry: str = "acme.azurecr.io", blob_hosts: Sequence[str] = ()
) -> RedirectRules:
    return RedirectRules(
        registry=registry,
        blob_hosts=frozenset(blob_hosts),
        resolve_host=lambda _host, _port: addresses or (PUBLIC,),
    )


def test_follows_to_the_storage_of_the_registrys_cloud() -> None:
    """Keep path and query as they are, and the address that was checked."""
    place = _rules().check(STORAGE)
    assert (place.host, place.port) == ("wusmanaged174.blob.core.windows.net", 443)
    assert place.path == "/c//data?se=2026&sig=x%2F"
    assert place.addresses == (PUBLIC,)
    assert place.host_header == "wusmanaged174.blob.core.windows.net"
    assert "sig" not in repr(place)


@pytest.mark.parametrize(
    "location",
    [
        pytest.param("", id="empty"),
        pytest.param("/v2/app/blobs/x", id="relative"),
        pytest.param("//a.blob.core.windows.net/x", id="no-scheme"),
        pytest.param("http://abc.blob.core.windows.net/x", id="http"),
        pytest.param("https://abc.blob.core.windows.net:8443/x", id="other-port"),
        pytest.param("https://abc.blob.core.windows.net:99999/x", id="no-port-at-all"),
        pytest.param("https://abc.blob.core.windows.net.evil.example/x", id="suffix-inside"),
        pytest.param("https://evilblob.core.windows.net/x", id="no-account"),
        pytest.param("https://a.b.blob.core.windows.net/x", id="two-labels"),
        pytest.param("https://u:p@abc.blob.core.windows.net/x", id="userinfo"),
        pytest.param("https://abc.blob.core.windows.net@evil.example/x", id="host-as-user"),
        pytest.param("https://evil.example\\@abc.blob.core.windows.net/x", id="backslash"),
        pytest.param("https://abc.blob.core.windows.net/x\r\nHost: evil", id="newline"),
        pytest.param("https://abc.blob.core.windows.net /x", id="space"),
        pytest.param("https://\u0430bc.blob.core.windows.net/x", id="homoglyph"),
        pytest.param("https://[::1]/x", id="ipv6-loopback"),
        pytest.param("https://[::1/x", id="broken-bracket"),
        pytest.param("https://169.254.169.254/metadata", id="metadata-service"),
        pytest.param("https://acme.azurecr.io/v2/app/blobs/x", id="the-registry-itself"),
        pytest.param("https://other.westus.data.azurecr.io/x", id="another-data-endpoint"),
        pytest.param("https://acme.west.us.data.azurecr.io/x", id="no-region"),
        pytest.param("https://acme.data.azurecr.io/x", id="region-missing"),
        pytest.param("https://abc.blob.core.chinacloudapi.cn/x", id="another-clouds-storage"),
        pytest.param("https://abc.blob.core.windows.net/" + "x" * 9000, id="9000-characters"),
    ],
)
def test_refuses_to_go_elsewhere(location: str) -> None:
    """Refuse every other place without asking for its address."""
    rules = RedirectRules(
        registry="acme.azurecr.io", blob_hosts=frozenset(), resolve_host=_never_resolve
    )
    with pytest.raises(RedirectRefusedError):
        rules.check(location)


def _never_resolve(host: str, _port: int) -> Sequence[str]:
    raise AssertionError(f"asked for {host}")


INWARD = [
    "127.0.0.1",
    "10.0.0.4",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:10.0.0.4",
    "64:ff9b::a00:4",
    "2002:a00:4::1",
    "2001:0:53aa:64c:0:0:0:0",
    "not an address",
]


@pytest.mark.parametrize("address", INWARD)
def test_refuses_storage_that_resolves_inwards(address: str) -> None:
    """Refuse a name of the cloud's storage whose address lies inside some network."""
    with pytest.raises(RedirectRefusedError):
        _rules(PUBLIC, address).check(STORAGE)


@pytest.mark.parametrize("address", [PUBLIC, "2603:1030:20e::1", "::ffff:20.150.1.2"])
def test_knows_public_addresses(address: str) -> None:
    """Accept what lies on the open internet."""
    assert is_public(address)


@pytest.mark.parametrize(
    ("registry", "location"),
    [
        ("acme.azurecr.io", "https://acme.westeurope.data.azurecr.io/x"),
        ("acme-d4f2.azurecr.io", "https://acme-d4f2.eastus2.data.azurecr.io/x"),
        ("acme.azurecr.us", "https://acme.usgovvirginia.data.azurecr.us/x"),
    ],
)
def test_trusts_the_registrys_own_data_endpoint(registry: str, location: str) -> None:
    """Accept a private address there: that is what a private endpoint resolves to."""
    assert _rules("10.1.2.3", registry=registry).check(location).addresses == ("10.1.2.3",)


def test_trusts_exactly_the_named_hosts() -> None:
    """Accept a host of the settings with its port, private address and all, and no other port."""
    rules = _rules("127.0.0.1", blob_hosts=["localhost:8444", "blobs.example"])
    assert rules.check("https://localhost:8444/x").host_header == "localhost:8444"
    assert rules.check("https://BLOBS.example/x").host == "blobs.example"
    for location in ("https://localhost/x", "https://localhost:8445/x", "https://blobs.example:1/"):
        with pytest.raises(RedirectRefusedError):
            rules.check(location)


def test_a_name_that_does_not_resolve_is_passing_trouble() -> None:
    """Try again when DNS does not answer."""

    def fail(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no answer")

    rules = RedirectRules(registry="acme.azurecr.io", blob_hosts=frozenset(), resolve_host=fail)
    with pytest.raises(PassingTroubleError):
        rules.check(STORAGE)
    with pytest.raises(PassingTroubleError):
        RedirectRules(
            registry="acme.azurecr.io", blob_hosts=frozenset(), resolve_host=lambda _h, _p: ()
        ).check(STORAGE)
