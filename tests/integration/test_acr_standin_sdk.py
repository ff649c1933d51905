"""The stand-in as Microsoft's own client sees it: azure-identity and azure-containerregistry."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from azure.containerregistry import ArtifactTagOrder, ContainerRegistryClient
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.identity import ManagedIdentityCredential

from local.acr import RegistryStandIn, Rules
from local.certificates import Certificates
from tests.integration.acr_images import INDEX, MANIFEST, descriptor, digest_of, small_image

pytestmark = pytest.mark.integration


@contextmanager
def _running(root: Path, rules: Rules | None = None) -> Iterator[RegistryStandIn]:
    certificates = Certificates.create(root / "certificates")
    with RegistryStandIn(root / "registry", certificates, rules=rules) as registry:
        yield registry


@contextmanager
def _sdk(
    registry: RegistryStandIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ContainerRegistryClient]:
    """The real client, with the managed identity that App Service would give it."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", registry.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", registry.identity_header)
    with (
        ManagedIdentityCredential() as credential,
        ContainerRegistryClient(
            f"https://{registry.login_server}",
            credential,
            connection_verify=str(registry.ca_file),
            retry_total=0,
        ) as client,
    ):
        yield client


@contextmanager
def _refused(kind: type[HttpResponseError] = HttpResponseError) -> Iterator[None]:
    """Expect a refusal, and close its response: the SDK leaves a refused stream open."""
    with pytest.raises(kind) as refusal:
        yield
    close = getattr(refusal.value.response, "close", None)
    if close is not None:
        close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryStandIn]:
    """A registry that lets the managed identity write."""
    with _running(tmp_path, Rules(identity_may_write=True)) as running:
        yield running


@pytest.fixture
def sdk(
    registry: RegistryStandIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ContainerRegistryClient]:
    """The real client at that registry."""
    with _sdk(registry, monkeypatch) as client:
        yield client


def test_an_image_pushed_by_the_sdk_comes_back_whole(sdk: ContainerRegistryClient) -> None:
    """Blobs of several chunks and a manifest go in and come out, digests checked by the SDK."""
    image = small_image(layer=bytes(range(256)) * 20_000)
    for blob in (image.config, image.layer):
        sdk.upload_blob("team/app", io.BytesIO(blob))
    digest = sdk.set_manifest("team/app", json.loads(image.manifest), tag="1.0")

    found = sdk.get_manifest("team/app", "1.0")

    assert (found.digest, found.media_type) == (digest, MANIFEST)
    assert found.manifest == json.loads(image.manifest)
    assert b"".join(sdk.download_blob("team/app", digest_of(image.layer))) == image.layer


def test_no_token_reaches_the_storage_host(
    registry: RegistryStandIn, sdk: ContainerRegistryClient
) -> None:
    """Each blob is redirected to another origin, where the registry's token is never shown."""
    with registry.client() as client:
        client.push_blob("team/app", b"content")
        digest = client.push_blob("team/app", b"other content")

    assert b"".join(sdk.download_blob("team/app", digest)) == b"other content"

    redirected = registry.requests.matching("GET", "/v2/team/app/blobs/.*")
    served = registry.requests.matching("GET", host=registry.blob_host)
    assert [r.status for r in redirected] == [401, 307]
    assert [(r.status, r.had_authorization) for r in served] == [(206, False)]
    assert registry.authorization_leaks == ()


def test_repositories_and_tags_are_listed_page_by_page(
    registry: RegistryStandIn, sdk: ContainerRegistryClient
) -> None:
    """The SDK follows the Link of each page to the end, in name order and in time order."""
    with registry.client() as client:
        for repository in ("b/two", "a/one", "c"):
            small_image().push(client, repository, "latest")
        for tag in ("3", "1", "2"):
            small_image(layer=tag.encode()).push(client, "c", tag)

    newest_first = ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING
    by_time = sdk.list_tag_properties("c", order_by=newest_first, results_per_page=1)

    assert list(sdk.list_repository_names(results_per_page=1)) == ["a/one", "b/two", "c"]
    assert [tag.name for tag in by_time] == ["2", "1", "3", "latest"]
    names = [tag.name for tag in sdk.list_tag_properties("c", results_per_page=3)]
    assert names == ["1", "2", "3", "latest"]


def test_manifests_are_described_with_platform_size_and_tags(
    registry: RegistryStandIn, sdk: ContainerRegistryClient
) -> None:
    """Properties come from the image itself; an untagged manifest has no tags."""
    image = small_image(architecture="arm64")
    with registry.client() as client:
        digest = image.push(client, "team/app", "1")
        untagged = small_image(layer=b"untagged").push(client, "team/app")

    tagged = sdk.get_manifest_properties("team/app", "1")
    listed = {m.digest: m for m in sdk.list_manifest_properties("team/app", results_per_page=1)}

    assert (tagged.digest, tagged.tags) == (digest, ["1"])
    assert (tagged.architecture, tagged.operating_system) == ("arm64", "linux")
    assert tagged.size_in_bytes == len(image.config) + len(image.layer)
    assert listed.keys() == {digest, untagged}
    assert not listed[untagged].tags
    assert sdk.get_repository_properties("team/app").manifest_count == 2


def test_an_index_names_its_children(
    registry: RegistryStandIn, sdk: ContainerRegistryClient
) -> None:
    """An index comes back as pushed, under its own media type."""
    image = small_image()
    child = descriptor(MANIFEST, image.manifest, platform={"os": "linux", "architecture": "amd64"})
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).encode()
    with registry.client() as client:
        image.push(client, "team/app")
        client.push_manifest("team/app", index, media_type=INDEX, tag="multi")

    found = sdk.get_manifest("team/app", "multi")

    assert found.media_type == INDEX
    assert found.manifest == json.loads(index)


def test_locks_hold(registry: RegistryStandIn, sdk: ContainerRegistryClient) -> None:
    """A manifest that may not be read or deleted is neither, until it is unlocked."""
    with registry.client() as client:
        digest = small_image().push(client, "team/app", "1")

    sdk.update_manifest_properties("team/app", digest, can_read=False, can_delete=False)
    with _refused():
        sdk.get_manifest("team/app", digest)
    with _refused():
        sdk.delete_manifest("team/app", digest)
    sdk.update_manifest_properties("team/app", digest, can_read=True, can_delete=True)

    assert sdk.get_manifest("team/app", digest).digest == digest


def test_deleted_tags_manifests_and_repositories_are_gone(
    registry: RegistryStandIn, sdk: ContainerRegistryClient
) -> None:
    """A tag goes alone, a manifest with its tags, a repository with everything."""
    with registry.client() as client:
        digest = small_image().push(client, "team/app", "1")
        small_image().push(client, "team/app", "2")

    sdk.delete_tag("team/app", "1")
    assert [tag.name for tag in sdk.list_tag_properties("team/app")] == ["2"]
    sdk.delete_manifest("team/app", "2")
    with _refused(ResourceNotFoundError):
        sdk.get_manifest("team/app", digest)
    assert list(sdk.list_tag_properties("team/app")) == []
    sdk.delete_repository("team/app")
    with _refused(ResourceNotFoundError):
        sdk.get_repository_properties("team/app")


def test_an_identity_that_may_only_pull_cannot_push(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the managed identity has what AcrPull gives, and no more."""
    with _running(tmp_path) as registry, _sdk(registry, monkeypatch) as sdk:
        with registry.client() as client:
            digest = small_image().push(client, "team/app", "1")

        assert sdk.get_manifest("team/app", "1").digest == digest
        with _refused(ClientAuthenticationError):
            sdk.delete_manifest("team/app", digest)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(access_token_lifetime=timedelta(seconds=-1)),
        Rules(refresh_token_lifetime=timedelta(seconds=-1)),
        Rules(aad_token_lifetime=timedelta(seconds=-1)),
    ],
    ids=["access", "refresh", "aad"],
)
def test_an_expired_token_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: Rules
) -> None:
    """Each of the three tokens is worthless after its time."""
    with (
        _running(tmp_path, rules) as registry,
        _sdk(registry, monkeypatch) as sdk,
        _refused(ClientAuthenticationError),
    ):
        list(sdk.list_repository_names())


def test_anyone_may_pull_where_the_registry_allows_it(tmp_path: Path) -> None:
    """Without a credential the SDK asks for an anonymous token, and gets one only if allowed."""
    for is_allowed in (True, False):
        root = tmp_path / str(is_allowed)
        with _running(root, Rules(anonymous_pull=is_allowed)) as registry:
            with registry.client() as client:
                small_image().push(client, "team/app", "1")
            with ContainerRegistryClient(
                f"https://{registry.login_server}", connection_verify=str(registry.ca_file)
            ) as sdk:
                if is_allowed:
                    assert list(sdk.list_repository_names()) == ["team/app"]
                else:
                    with _refused(ClientAuthenticationError):
                        list(sdk.list_repository_names())
