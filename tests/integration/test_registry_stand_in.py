"""The adapter against the stand-in for ACR, with the identity that App Service would give it."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential

from local.acr import RegistryStandIn, Truncate
from local.certificates import Certificates
from scanner.errors import RegistryError
from scanner.model import Digest, ImageReference, NotApplicable
from scanner.ports import ResolvedImage
from scanner.registry import AcrRegistry
from tests.integration.acr_images import small_image
from tests.pulls import pull_all

pytestmark = pytest.mark.integration

IMAGE = small_image()


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[RegistryStandIn]:
    """Run the stand-in with one image in it."""
    certificates = Certificates.create(tmp_path / "certificates")
    with RegistryStandIn(tmp_path / "registry", certificates) as running:
        with running.client() as client:
            IMAGE.push(client, "team/app", "v1")
        running.requests.clear()
        yield running


@pytest.fixture
def registry(stand_in: RegistryStandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[AcrRegistry]:
    """The adapter, set up as the app sets it up."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", stand_in.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", stand_in.identity_header)
    with ManagedIdentityCredential() as credential:
        yield AcrRegistry(
            credential=credential,
            registries=frozenset({stand_in.login_server}),
            ca_file=stand_in.ca_file,
            blob_hosts=frozenset({stand_in.blob_host}),
        )


def _reference(stand_in: RegistryStandIn) -> ImageReference:
    return ImageReference(
        registry=stand_in.login_server, repository="team/app", digest=Digest(IMAGE.digest)
    )


def test_resolves_and_pulls_with_two_requests_a_blob(
    stand_in: RegistryStandIn, registry: AcrRegistry, tmp_path: Path
) -> None:
    """Ask for two tokens, the manifest, and each blob once at the registry and once at storage."""
    image = registry.resolve(_reference(stand_in))
    assert isinstance(image, ResolvedImage)
    assert isinstance(pull_all(registry, image, tmp_path / "layers"), dict)
    at_registry = stand_in.requests.matching(host=stand_in.login_server)
    assert [one.status for one in at_registry] == [200, 200, 200, 307, 307]
    at_storage = stand_in.requests.matching(host=stand_in.blob_host)
    assert [one.status for one in at_storage] == [200, 200]
    assert stand_in.authorization_leaks == ()


def test_renews_when_all_tokens_have_expired(
    stand_in: RegistryStandIn, registry: AcrRegistry
) -> None:
    """Start again from the identity when neither the access nor the refresh token is taken."""
    registry.resolve(_reference(stand_in))
    stand_in.expire_tokens()
    assert isinstance(registry.resolve(_reference(stand_in)), ResolvedImage)


def test_resumes_a_broken_blob(
    stand_in: RegistryStandIn, registry: AcrRegistry, tmp_path: Path
) -> None:
    """Get over a connection that storage breaks off."""
    image = registry.resolve(_reference(stand_in))
    assert isinstance(image, ResolvedImage)
    stand_in.fail_next(Truncate(after=100), method="GET", host=stand_in.blob_host)
    assert isinstance(pull_all(registry, image, tmp_path / "layers"), dict)


def test_calls_a_deleted_manifest_deleted(stand_in: RegistryStandIn, registry: AcrRegistry) -> None:
    """Say not-applicable(deleted) after the push was taken back."""
    with stand_in.client() as client:
        client.delete_manifest("team/app", IMAGE.digest)
    resolved = registry.resolve(_reference(stand_in))
    assert isinstance(resolved, NotApplicable)
    assert resolved.reason == "deleted"


def test_asks_for_nothing_where_the_registry_is_not_trusted(
    stand_in: RegistryStandIn, registry: AcrRegistry
) -> None:
    """Send no token to a registry whose certificate another authority has signed."""
    stranger = dataclasses.replace(registry, ca_file=None, resolve_deadline_seconds=1.0)
    with pytest.raises(RegistryError, match=r"cannot be reached|did not deliver"):
        stranger.resolve(_reference(stand_in))
    assert stand_in.requests.matching(host=stand_in.login_server) == ()
