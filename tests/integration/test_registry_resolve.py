"""Resolving over real TLS: what is asked, with which credentials, and what becomes of it."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.errors import RegistryError, RegistryNotOursError
from scanner.model import Digest, ImageReference, NotApplicable, Platform, Unexaminable
from scanner.ports import Resolved, ResolvedImage, ResolvedIndex
from scanner.registry import AcrRegistry, Timing
from tests.image_samples import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    add_image,
    config_of,
    descriptor,
    manifest_of,
)
from tests.registry_server import AAD_TOKEN, Handler, LocalCredential, Running, run_registry

pytestmark = pytest.mark.integration

QUICK = Timing(sleep=lambda _: None, connect_seconds=2.0, read_seconds=2.0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Run a registry and its storage."""
    with run_registry(tmp_path) as running:
        yield running


def _registry(running: Running, **more: Any) -> AcrRegistry:  # noqa: ANN401 - any field of it
    registry = AcrRegistry(
        credential=LocalCredential(),
        registries=frozenset({running.registry}),
        ca_file=running.ca_file,
        blob_hosts=frozenset({running.storage}),
        timing=QUICK,
    )
    return replace(registry, **more)


def _reference(running: Running, digest: str) -> ImageReference:
    return ImageReference(
        registry=running.registry, repository="team/app", digest=Digest(digest), tag="v1"
    )


def _resolve(running: Running, digest: str, **more: object) -> Resolved:
    return _registry(running, **more).resolve(_reference(running, digest))


def _reason(resolved: Resolved) -> str:
    assert isinstance(resolved, Unexaminable | NotApplicable)
    return resolved.reason


def test_resolves_an_image_to_its_verified_manifest_and_config(running: Running) -> None:
    """Return both documents byte for byte, and the platform of the config."""
    digest = add_image(running.state, b"layer")
    resolved = _resolve(running, digest)
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
    assert _reason(_resolve(running, digest)) == reason


def test_sends_the_token_to_the_registry_only(running: Running) -> None:
    """Ask for tokens at the configured host, whatever realm the challenge names."""
    _resolve(running, add_image(running.state, b"layer"))
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
    registry = _registry(running)
    for content in (b"one", b"two", b"three"):
        registry.resolve(_reference(running, add_image(running.state, content)))
    assert len(running.state.requests_to("registry", "/oauth2/")) == 2


def test_renews_once_when_the_token_is_refused_in_mid_life(running: Running) -> None:
    """Get a new token on 401 and go on; the challenge's realm and service are not read."""
    registry = _registry(running)
    reference = _reference(running, add_image(running.state, b"layer"))
    registry.resolve(reference)
    running.state.valid.clear()
    assert isinstance(registry.resolve(reference), ResolvedImage)
    assert len(running.state.requests_to("registry", "/oauth2/token")) == 2
    assert not any("elsewhere" in one.body for one in running.state.seen)


def test_says_which_role_is_missing(running: Running) -> None:
    """Name AcrPull when the registry refuses a token, or the manifest."""
    digest = add_image(running.state, b"layer")
    for path in ("/oauth2/exchange", "/oauth2/token", "/manifests/", "/blobs/"):
        running.state.fail("registry", path, _status(403))
        with pytest.raises(RegistryError, match="AcrPull"):
            _resolve(running, digest)


def test_a_token_that_is_refused_twice_is_no_role(running: Running) -> None:
    """End after one renewal instead of going round."""
    digest = add_image(running.state, b"layer")
    running.state.fail("registry", "/manifests/", _status(401), _status(401))
    with pytest.raises(RegistryError, match="AcrPull"):
        _resolve(running, digest)
    assert len(running.state.requests_to("registry", "/manifests/")) == 2


def test_dials_no_registry_that_is_not_in_the_settings(running: Running, tmp_path: Path) -> None:
    """Refuse another name before a token is asked for."""
    credential = LocalCredential()
    registry = _registry(running, credential=credential, resolve_host=_never_resolve)
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


def _status(status: int, **headers: str) -> Callable[[Handler], bool]:
    def respond(handler: Handler) -> bool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.answer(status, b"{}", named)
        return True

    return respond


def test_a_manifest_that_is_gone_is_deleted(running: Running) -> None:
    """Say not-applicable(deleted) when the push was taken back before its scan."""
    assert _reason(_resolve(running, "sha256:" + "a" * 64)) == "deleted"


def test_retries_what_passes(running: Running) -> None:
    """Get over 429 with Retry-After, 503 and a dropped connection, and wait as asked."""
    slept: list[float] = []
    digest = add_image(running.state, b"layer")
    running.state.fail(
        "registry", "/manifests/", _status(429, Retry_After="7"), _status(503), _drop
    )
    timing = Timing(sleep=slept.append)
    assert isinstance(_resolve(running, digest, timing=timing), ResolvedImage)
    assert len(slept) == 3
    assert slept[0] == 7


def _drop(handler: Handler) -> bool:
    handler.hang_up()
    return True


def test_gives_up_on_a_registry_that_stays_broken(running: Running) -> None:
    """Raise RegistryError after five attempts, for the queue to retry."""
    digest = add_image(running.state, b"layer")
    running.state.fail("registry", "/manifests/", *[_status(503)] * 9)
    with pytest.raises(RegistryError, match="503"):
        _resolve(running, digest)
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
        _resolve(running, digest, resolve_deadline_seconds=1.0)
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
    assert isinstance(_resolve(running, digest), ResolvedImage)


def test_other_bytes_than_the_digest_names_are_never_parsed(running: Running) -> None:
    """Ask twice, then say malformed-manifest: a login page is no manifest."""
    digest = add_image(running.state, b"layer")
    media_type, _ = running.state.manifests[digest]
    running.state.manifests[digest] = (media_type, b"<html>please sign in</html>")
    assert _reason(_resolve(running, digest)) == "malformed-manifest"
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
    assert _reason(_resolve(running, running.state.add_manifest(document))) == reason


def test_a_config_beyond_4_mib_is_not_asked_for(running: Running) -> None:
    """Say too-large from the declared size."""
    document = manifest_of(b"{}", b"layer")
    document["config"]["size"] = 37 * 1024**2
    assert _reason(_resolve(running, running.state.add_manifest(document))) == "too-large"
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
    assert _reason(_resolve(running, digest)) == "malformed-manifest"


def test_a_config_that_the_registry_lost_is_our_trouble(running: Running) -> None:
    """Raise RegistryError, because a registry keeps what its manifests name."""
    document = manifest_of(config_of(b"layer"), b"layer")
    with pytest.raises(RegistryError, match="404"):
        _resolve(running, running.state.add_manifest(document))


def test_lists_an_indexs_platforms_without_its_attestations(running: Running) -> None:
    """Return one entry a platform, by digest and without a tag."""
    images = [add_image(running.state, content) for content in (b"amd64", b"arm64", b"proof")]
    platforms = ["amd64", "arm64", "unknown"]
    children = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": digest,
            "size": 1,
            "platform": {"os": "unknown" if name == "unknown" else "linux", "architecture": name},
        }
        for digest, name in zip(images, platforms, strict=True)
    ]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}
    resolved = _resolve(running, running.state.add_manifest(index))
    assert isinstance(resolved, ResolvedIndex)
    assert [str(entry.platform) for entry in resolved.children] == ["linux/amd64", "linux/arm64"]
    assert [str(entry.reference.digest) for entry in resolved.children] == images[:2]
    assert {entry.reference.tag for entry in resolved.children} == {None}


def _index_over(running: Running, inner: str, media_type: str = OCI_INDEX) -> str:
    child = {"mediaType": media_type, "digest": inner, "size": 1}
    return running.state.add_manifest({"schemaVersion": 2, "manifests": [child, child]})


def test_flattens_an_index_in_an_index_but_goes_no_deeper(running: Running) -> None:
    """Accept two levels and refuse three, after two requests."""
    image = add_image(running.state, b"layer")
    two = _index_over(running, _index_over(running, image, OCI_MANIFEST))
    resolved = _resolve(running, two)
    assert isinstance(resolved, ResolvedIndex)
    assert [str(entry.reference.digest) for entry in resolved.children] == [image]
    running.state.seen.clear()
    assert _reason(_resolve(running, _index_over(running, two))) == "too-large"
    assert len(running.state.requests_to("registry", "/manifests/")) == 2


def test_an_inner_index_that_is_missing_does_not_hide_the_outer_one(running: Running) -> None:
    """Say malformed-manifest, not deleted: the other platforms may still be run."""
    outer = _index_over(running, "sha256:" + "b" * 64)
    assert _reason(_resolve(running, outer)) == "malformed-manifest"


def test_a_signature_needs_no_blob(running: Running) -> None:
    """Name a Notation signature from its manifest alone."""
    document = manifest_of(b"{}")
    document["config"]["mediaType"] = "application/vnd.cncf.notary.signature"
    document["layers"] = [descriptor(b"sig", "application/jose+json")]
    assert _reason(_resolve(running, running.state.add_manifest(document))) == "signature"
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
        assert isinstance(_resolve(running, digest), ResolvedImage)
