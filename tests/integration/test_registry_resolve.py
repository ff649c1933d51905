"""Resolving over real TLS: what is asked, with which credentials, and what becomes of it."""

import gzip
import json
import time

import pytest

from scanner.errors import RegistryError
from scanner.ports import ResolvedImage
from scanner.registry import Timing
from tests.image_samples import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    add_image,
    config_of,
    descriptor,
    manifest_of,
)
from tests.integration.resolved_images import answering, reason_of, resolve, running
from tests.registry_server import Handler, Running

pytestmark = pytest.mark.integration
__all__ = ["running"]


def test_resolves_an_image_to_its_verified_manifest_and_config(running: Running) -> None:
    """Return both documents byte for byte, and the platform of the config."""
    digest = add_image(running.state, b"layer")
    resolved = resolve(running, digest)
    assert isinstance(resolved, ResolvedImage)
    assert resolved.manifest == running.state.manifests[digest][1]
    assert resolved.config == config_of(b"layer")
    assert str(resolved.platform) == "linux/amd64"
    assert resolved.reference.tag == "v1"
    assert [weakness.id for weakness in resolved.facts.weaknesses] == ["root-user"]


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ({"Env": "TOKEN=x"}, "malformed-manifest"),
        ({"Env": [f"A{n}_TOKEN=x" for n in range(101)]}, "too-large"),
    ],
)
def test_a_config_that_cannot_be_judged_is_unknown(
    running: Running, run: dict[str, object], reason: str
) -> None:
    """Rather than an image without weaknesses."""
    config, layer = config_of(b"layer", config=run), gzip.compress(b"layer", mtime=0)
    for blob in (config, layer):
        running.state.add_blob(blob)
    digest = running.state.add_manifest(manifest_of(config, layer), OCI_MANIFEST)
    assert reason_of(resolve(running, digest)) == reason


def test_a_manifest_that_is_gone_is_deleted(running: Running) -> None:
    """Say not-applicable(deleted) when the push was taken back before its scan."""
    assert reason_of(resolve(running, "sha256:" + "a" * 64)) == "deleted"


def test_retries_what_passes(running: Running) -> None:
    """Get over 429 with Retry-After, 503 and a dropped connection, and wait as asked."""
    slept: list[float] = []
    digest = add_image(running.state, b"layer")
    running.state.fail(
        "registry", "/manifests/", answering(429, Retry_After="7"), answering(503), _drop
    )
    timing = Timing(sleep=slept.append)
    assert isinstance(resolve(running, digest, timing=timing), ResolvedImage)
    assert len(slept) == 3
    assert slept[0] == 7


def _drop(handler: Handler) -> bool:
    handler.hang_up()
    return True


def test_gives_up_on_a_registry_that_stays_broken(running: Running) -> None:
    """Raise RegistryError after five attempts, for the queue to retry."""
    digest = add_image(running.state, b"layer")
    running.state.fail("registry", "/manifests/", *[answering(503)] * 9)
    with pytest.raises(RegistryError, match="503"):
        resolve(running, digest)
    assert len(running.state.requests_to("registry", "/manifests/")) == 5


@pytest.mark.parametrize("path", ["/oauth2/token", "/manifests/", "/blobs/"])
@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_byte_a_second_ends_at_the_deadline(running: Running, path: str, part: str) -> None:
    """Cut off a registry that never meets the read timeout but never ends either."""

    def drip(handler: Handler) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        if part == "body":
            handler.wfile.write(b"Content-Length: 40000\r\n\r\n")
        while not handler.state.released.wait(0.1):
            handler.wfile.write(b"x")
        handler.hang_up()
        return True

    digest = add_image(running.state, b"layer")
    running.state.fail("registry", path, drip)
    began = time.monotonic()
    with pytest.raises(RegistryError):
        resolve(running, digest, resolve_deadline_seconds=1.0)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Content-Length": ""}, id="no-content-length"),
        pytest.param({"Docker-Content-Digest": "sha256:" + "0" * 64}, id="wrong-digest-header"),
        pytest.param({"Content-Type": "text/html"}, id="wrong-content-type"),
    ],
)
def test_believes_the_bytes_and_not_the_headers(running: Running, headers: dict[str, str]) -> None:
    """Resolve a manifest of the right bytes whatever the headers around it say."""
    digest = add_image(running.state, b"layer")

    def respond(handler: Handler) -> bool:
        handler.hang_up()
        handler.answer(200, running.state.manifests[digest][1], headers)
        return True

    running.state.fail("registry", "/manifests/", respond)
    assert isinstance(resolve(running, digest), ResolvedImage)


def test_other_bytes_than_the_digest_names_are_never_parsed(running: Running) -> None:
    """Ask twice, then say malformed-manifest: a login page is no manifest."""
    digest = add_image(running.state, b"layer")
    media_type, _ = running.state.manifests[digest]
    running.state.manifests[digest] = (media_type, b"<html>please sign in</html>")
    assert reason_of(resolve(running, digest)) == "malformed-manifest"
    assert len(running.state.requests_to("registry", "/manifests/")) == 2


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param(b" " * (4 * 1024**2 + 1), "too-large", id="5-mib"),
        pytest.param(b"[" * 100_000, "malformed-manifest", id="deep"),
        pytest.param(
            manifest_of(b"{}") | {"manifests": []}, "malformed-manifest", id="image-and-index"
        ),
        pytest.param({"schemaVersion": 2, "manifests": []}, "empty-image", id="index-of-nothing"),
    ],
)
def test_says_what_is_wrong_with_a_hostile_manifest(
    running: Running, document: object, reason: str
) -> None:
    """End in a verdict and not in an error that the queue would retry."""
    assert reason_of(resolve(running, running.state.add_manifest(document))) == reason


def test_a_config_beyond_4_mib_is_not_asked_for(running: Running) -> None:
    """Say too-large from the declared size."""
    document = manifest_of(b"{}", b"layer")
    document["config"]["size"] = 37 * 1024**2
    assert reason_of(resolve(running, running.state.add_manifest(document))) == "too-large"
    assert not running.state.requests_to("registry", "/blobs/")


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_config_of_another_size_than_declared_is_refused(
    running: Running, difference: int
) -> None:
    """Say malformed-manifest when the declared size lies."""
    config = config_of(b"layer")
    running.state.add_blob(config)
    document = manifest_of(config, b"layer")
    document["config"]["size"] += difference
    digest = running.state.add_manifest(document)
    assert reason_of(resolve(running, digest)) == "malformed-manifest"


def test_a_config_that_the_registry_lost_is_our_trouble(running: Running) -> None:
    """Raise RegistryError, because a registry keeps what its manifests name."""
    document = manifest_of(config_of(b"layer"), b"layer")
    with pytest.raises(RegistryError, match="404"):
        resolve(running, running.state.add_manifest(document))


def test_a_signature_needs_no_blob(running: Running) -> None:
    """Name a Notation signature from its manifest alone."""
    document = manifest_of(b"{}")
    document["config"]["mediaType"] = "application/vnd.cncf.notary.signature"
    document["layers"] = [descriptor(b"sig", "application/jose+json")]
    assert reason_of(resolve(running, running.state.add_manifest(document))) == "signature"
    assert not running.state.requests_to("registry", "/blobs/")


def test_an_image_cannot_pass_for_a_signature(running: Running) -> None:
    """Read the config when a layer might be run, and scan what has a root file system."""
    config = config_of(b"layer")
    running.state.add_blob(config)
    document = manifest_of(config, artifactType="application/vnd.cncf.notary.signature")
    document["layers"] = [descriptor(b"layer", OCI_LAYER)]
    for config_type in (OCI_CONFIG, "application/vnd.cncf.notary.signature", "text/html"):
        document["config"]["mediaType"] = config_type
        digest = running.state.add_manifest(json.dumps(document).encode())
        assert isinstance(resolve(running, digest), ResolvedImage)
