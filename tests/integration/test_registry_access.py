import json
from pathlib import Path

import pytest

from scanner.errors import RegistryError, RegistryNotOursError
from scanner.model import Digest, ImageReference, Platform
from scanner.ports import ResolvedImage
from tests.image_samples import add_image, config_of, manifest_of
from tests.integration.resolved_images import answering, reference_to, registry_of, resolve, running
from tests.registry_server import AAD_TOKEN, LocalCredential, Running

pytestmark = pytest.mark.integration
__all__ = ["running"]


def test_sends_the_token_to_the_registry_only(running: Running) -> None:
    """Ask for tokens at the configured host, whatever realm the challenge names."""
    resolve(running, add_image(running.state, b"layer"))
    at_registry = running.state.requests_to("registry")
    assert [one.path.split("?")[0] for one in at_registry[:2]] == [
        "/oauth2/exchange",
        "/oauth2/token",
    ]
    assert AAD_TOKEN in at_registry[0].body
    assert not any(AAD_TOKEN in str(one) for one in running.state.seen if one != at_registry[0])
    (at_storage,) = running.state.requests_to("storage")
    assert not {"authorization", "cookie"} & set(at_storage.headers)
    assert at_storage.headers["host"] == running.storage


def test_keeps_tokens_from_job_to_job(running: Running) -> None:
    """Ask for two tokens once, not for two with each request as the SDK does."""
    registry = registry_of(running)
    for content in (b"one", b"two", b"three"):
        registry.resolve(reference_to(running, add_image(running.state, content)))
    assert len(running.state.requests_to("registry", "/oauth2/")) == 2


def test_renews_once_when_the_token_is_refused_in_mid_life(running: Running) -> None:
    """Get a new token on 401 and go on; the challenge's realm and service are not read."""
    registry = registry_of(running)
    reference = reference_to(running, add_image(running.state, b"layer"))
    registry.resolve(reference)
    running.state.valid.clear()
    assert isinstance(registry.resolve(reference), ResolvedImage)
    assert len(running.state.requests_to("registry", "/oauth2/token")) == 2
    assert not any("elsewhere" in one.body for one in running.state.seen)


def test_says_which_role_is_missing(running: Running) -> None:
    """Name AcrPull when the registry refuses a token, or the manifest."""
    digest = add_image(running.state, b"layer")
    for path in ("/oauth2/exchange", "/oauth2/token", "/manifests/", "/blobs/"):
        running.state.fail("registry", path, answering(403))
        with pytest.raises(RegistryError, match="AcrPull"):
            resolve(running, digest)


def test_a_token_that_is_refused_twice_is_no_role(running: Running) -> None:
    """End after one renewal instead of going round."""
    digest = add_image(running.state, b"layer")
    running.state.fail("registry", "/manifests/", answering(401), answering(401))
    with pytest.raises(RegistryError, match="AcrPull"):
        resolve(running, digest)
    assert len(running.state.requests_to("registry", "/manifests/")) == 2


def test_dials_no_registry_that_is_not_in_the_settings(running: Running, tmp_path: Path) -> None:
    """Refuse another name before a token is asked for."""
    credential = LocalCredential()
    registry = registry_of(running, credential=credential, resolve_host=_never_resolve)
    other = ImageReference(
        registry="other.azurecr.io", repository="a", digest=Digest("sha256:" + "a" * 64)
    )
    with pytest.raises(RegistryNotOursError):
        registry.resolve(other)
    image = ResolvedImage(
        reference=other,
        platform=Platform(os="linux", architecture="amd64"),
        manifest=json.dumps(manifest_of(config_of(b"layer"), b"layer")).encode(),
        config=config_of(b"layer"),
    )
    with pytest.raises(RegistryNotOursError):
        registry.pull(image, [], into=tmp_path, done=lambda _, __: None)
    assert credential.scopes == []


def _never_resolve(host: str, _port: int) -> tuple[str, ...]:
    raise AssertionError(f"asked for {host}")
