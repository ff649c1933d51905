"""Where a pull goes, and where it never does."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scanner.errors import RegistryError
from tests.image_samples import OCI_LAYER, config_of, descriptor, digest_of, manifest_of
from tests.integration.pulled_images import (
    BLOB,
    PLAIN,
    image_of,
    into,
    pull,
    reason_of,
    resolved_from,
    running,
)
from tests.registry_server import Handler, Running

pytestmark = pytest.mark.integration
__all__ = ["into", "running"]


def test_never_fetches_a_foreign_layer(running: Running, into: Path) -> None:
    """Say foreign-layer without a single request."""
    config = config_of(PLAIN)
    document = manifest_of(config)
    url = f"https://{running.storage}/foreign"
    document["layers"] = [descriptor(BLOB, OCI_LAYER, urls=[url])]
    assert (
        reason_of(pull(running, resolved_from(running, config, document), into)) == "foreign-layer"
    )
    assert running.state.seen == []


@pytest.mark.parametrize(
    "location",
    [
        pytest.param("http://{storage}/data/{digest}", id="http"),
        pytest.param("https://{registry}/v2/team/app/blobs/{digest}", id="itself"),
        pytest.param("https://127.0.0.1:{port}/data/{digest}", id="loopback-by-address"),
        pytest.param("https://169.254.169.254/metadata/identity", id="metadata-service"),
        pytest.param("https://evil.example/data/{digest}", id="unknown-host"),
        pytest.param("https://inward.blob.core.windows.net/data", id="resolves-inwards"),
        pytest.param("/data/{digest}", id="relative"),
        pytest.param("", id="no-location"),
    ],
)
def test_goes_nowhere_that_is_not_the_registrys_storage(
    running: Running, into: Path, location: str
) -> None:
    """Say redirect; nothing but the registry is contacted."""
    image = image_of(running, [BLOB], [PLAIN])
    running.state.location = lambda digest: location.format(
        storage=running.storage,
        registry=running.registry,
        port=running.storage.partition(":")[2],
        digest=digest,
    )
    pulled = pull(running, image, into, resolve_host=lambda _h, _p: ("127.0.0.1",))
    assert reason_of(pulled) == "redirect"
    assert running.state.requests_to("storage") == []
    assert len(running.state.requests_to("registry", "/blobs/")) == 1


def test_follows_two_redirects_and_not_three(running: Running, into: Path) -> None:
    """End a chain of redirects at the second hop."""
    image = image_of(running, [BLOB], [PLAIN])

    def onwards(handler: Handler) -> bool:
        handler.answer(307, b"", {"Location": f"https://{running.storage}/data/{digest_of(BLOB)}"})
        return True

    running.state.fail("storage", digest_of(BLOB), onwards)
    assert isinstance(pull(running, image, into), dict)
    running.state.fail("storage", digest_of(BLOB), *[onwards] * 20)
    assert reason_of(pull(running, image, into / "again")) == "redirect"
    assert len(running.state.requests_to("storage")) == 2 + 2


def test_connects_to_the_address_that_was_checked(running: Running, into: Path) -> None:
    """Ask for a name's address once a hop; the certificate is still checked for the name."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",)

    name = f"storage.invalid:{running.storage.partition(':')[2]}"
    image = image_of(running, [BLOB], [PLAIN])
    running.state.location = lambda digest: f"https://{name}/data/{digest}"
    with pytest.raises(RegistryError, match="cannot be reached"):
        pull(running, image, into, blob_hosts=frozenset({name}), resolve_host=resolve)
    assert set(asked) == {"storage.invalid"}
    assert running.state.requests_to("storage") == []
