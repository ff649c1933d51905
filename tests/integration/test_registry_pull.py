"""Pulling over real TLS: what is written, what is asked, and what a hostile side achieves."""

import gzip
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from scanner.errors import RegistryError
from scanner.model import Digest, ImageReference, Platform, Unexaminable
from scanner.ports import Layer, ResolvedImage
from scanner.registry import AcrRegistry, Limits, Timing
from scanner.registry.blobs import CHUNK_BYTES
from scanner.registry.limits import DISK_RESERVE_BYTES
from tests.image_samples import OCI_LAYER, config_of, descriptor, digest_of, manifest_of, tar_of
from tests.pulls import pull_all
from tests.registry_server import Handler, LocalCredential, Running, run_registry

pytestmark = pytest.mark.integration

QUICK = Timing(sleep=lambda _: None, connect_seconds=2.0, read_seconds=2.0)
PLAIN = tar_of(data=random.Random(3).randbytes(700_000))  # noqa: S311 - a fixed sample
BLOB = gzip.compress(PLAIN, mtime=0)
SMALL = tar_of(etc=b"x")
LINUX = Platform(os="linux", architecture="amd64")

Pulled = Mapping[Layer, Path] | Unexaminable


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Run a registry and its storage."""
    with run_registry(tmp_path) as running:
        yield running


def _image(running: Running, blobs: Sequence[bytes], plains: Sequence[bytes]) -> ResolvedImage:
    config = config_of(*plains)
    for blob in blobs:
        running.state.add_blob(blob)
    return _resolved(running, config, manifest_of(config, *blobs))


def _resolved(running: Running, config: bytes, document: dict[str, Any]) -> ResolvedImage:
    manifest = json.dumps(document).encode()
    reference = ImageReference(
        registry=running.registry, repository="team/app", digest=Digest(digest_of(manifest))
    )
    return ResolvedImage(reference=reference, platform=LINUX, manifest=manifest, config=config)


def _pull(running: Running, image: ResolvedImage, into: Path, **more: Any) -> Pulled:  # noqa: ANN401 - any field of it
    registry = AcrRegistry(
        credential=LocalCredential(),
        registries=frozenset({running.registry}),
        ca_file=running.ca_file,
        blob_hosts=frozenset({running.storage}),
        timing=QUICK,
    )
    return pull_all(replace(registry, **more), image, into)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """Make an empty folder for the layers."""
    folder = tmp_path / "layers"
    folder.mkdir()
    return folder


def _reason(pulled: Pulled) -> str:
    assert isinstance(pulled, Unexaminable)
    return pulled.reason


def test_unpacks_each_layer_into_a_file(running: Running, into: Path) -> None:
    """Whatever it is packed with; each once, and nothing else is written."""
    blobs = [BLOB, zstd.compress(SMALL), PLAIN]
    image = _image(running, blobs, [PLAIN, SMALL, PLAIN])
    pulled = _pull(running, image, into)
    assert isinstance(pulled, dict)
    assert {str(layer.digest): path.read_bytes() for layer, path in pulled.items()} == {
        digest_of(BLOB): PLAIN,
        digest_of(blobs[1]): SMALL,
        digest_of(PLAIN): PLAIN,
    }
    assert sorted(into.iterdir()) == sorted(pulled.values())
    assert not any(path.is_symlink() for path in into.iterdir())


def test_asks_once_at_the_registry_and_once_at_the_storage_for_a_blob(
    running: Running, into: Path
) -> None:
    """Send two requests a blob and two for tokens, with the token to the registry alone."""
    blobs = [gzip.compress(b"%d" % number * 5000) for number in range(8)]
    image = _image(running, blobs, [b"%d" % number * 5000 for number in range(8)])
    assert isinstance(_pull(running, image, into), dict)
    for blob in blobs:
        assert len(running.state.requests_to("registry", digest_of(blob))) == 1
        assert len(running.state.requests_to("storage", digest_of(blob))) == 1
    assert len(running.state.seen) == 2 + 2 * len(blobs)
    for one in running.state.requests_to("storage"):
        assert not {"authorization", "cookie"} & set(one.headers)


def test_pulls_a_layer_once_that_is_listed_500_times(running: Running, into: Path) -> None:
    """Ask once for a digest, however often it is listed within the limit."""
    image = _image(running, [BLOB] * 127, [PLAIN] * 127)
    pulled = _pull(running, image, into)
    assert isinstance(pulled, dict)
    assert len(pulled) == 1
    assert len(running.state.requests_to("storage")) == 1
    too_many = _image(running, [BLOB] * 500, [PLAIN] * 500)
    assert _reason(_pull(running, too_many, into / "none")) == "too-large"


Fault = Callable[[Handler], bool]


def _truncated_at(count: int) -> Fault:
    def respond(handler: Handler) -> bool:
        handler.hang_up()
        handler.answer(200, BLOB[:count], {"Content-Length": str(len(BLOB))})
        return True

    return respond


def _stalled(handler: Handler) -> bool:
    handler.hang_up()
    handler.answer(200, BLOB[:-1000], {"Content-Length": str(len(BLOB))})
    handler.wfile.flush()
    handler.state.released.wait(10)
    return True


def _status(status: int) -> Fault:
    def respond(handler: Handler) -> bool:
        handler.answer(status, b"no", {"Retry-After": "1"})
        return True

    return respond


def _whole_again(handler: Handler) -> bool:
    handler.answer(200, BLOB)
    return True


def _wrong_range(handler: Handler) -> bool:
    handler.answer(206, BLOB, {"Content-Range": f"bytes 0-{len(BLOB) - 1}/{len(BLOB)}"})
    return True


def _other_bytes(handler: Handler) -> bool:
    handler.answer(200, bytes(len(BLOB)))
    return True


def _login_page(handler: Handler) -> bool:
    handler.answer(200, b"<html>please sign in</html>", {"Content-Type": "text/html"})
    return True


@pytest.mark.parametrize(
    ("server", "faults", "requests"),
    [
        pytest.param("storage", [_truncated_at(300_000)], 2, id="resumed"),
        pytest.param("storage", [_truncated_at(9), _truncated_at(0)], 3, id="broken-twice"),
        pytest.param("storage", [_truncated_at(300_000), _whole_again], 2, id="no-range-support"),
        pytest.param("storage", [_truncated_at(300_000), _wrong_range], 2, id="wrong-range"),
        pytest.param("storage", [_status(503), _status(429)], 3, id="storage-busy"),
        pytest.param("storage", [_status(403)], 2, id="signature-of-the-link-expired"),
        pytest.param("storage", [_other_bytes], 2, id="other-bytes-once"),
        pytest.param("storage", [_login_page], 2, id="login-page-once"),
        pytest.param("registry", [_status(500)], 1, id="registry-busy"),
    ],
)
def test_gets_over_what_passes(
    running: Running, into: Path, server: str, faults: list[Fault], requests: int
) -> None:
    """Resume or begin again, and end with the very bytes."""
    image = _image(running, [BLOB], [PLAIN])
    running.state.fail(server, digest_of(BLOB), *faults)
    assert isinstance(_pull(running, image, into), dict)
    assert (into / digest_of(BLOB)[7:]).read_bytes() == PLAIN
    assert len(running.state.requests_to("storage")) == requests


def test_resumes_where_the_connection_broke(running: Running, into: Path) -> None:
    """Ask for the rest by Range after a stall at 99 %, from the last whole chunk on."""
    image = _image(running, [BLOB], [PLAIN])
    running.state.fail("storage", digest_of(BLOB), _stalled)
    timing = Timing(sleep=lambda _: None, read_seconds=0.5)
    assert isinstance(_pull(running, image, into, timing=timing), dict)
    ranges = [one.headers.get("range") for one in running.state.requests_to("storage")]
    assert ranges == [None, f"bytes={2 * CHUNK_BYTES}-"]


@pytest.mark.parametrize("served", [bytes(len(BLOB)), b"<html>please sign in</html>"])
def test_says_corrupt_when_the_registry_keeps_serving_other_bytes(
    running: Running, into: Path, served: bytes
) -> None:
    """Try twice, then record it: waiting does not mend a swapped blob."""
    image = _image(running, [BLOB], [PLAIN])
    running.state.blobs[digest_of(BLOB)] = served
    assert _reason(_pull(running, image, into)) == "corrupt-layer"
    assert len(running.state.requests_to("storage")) == 2


@pytest.mark.parametrize("difference", [-1, -len(BLOB), 1, 1000])
def test_stops_where_the_declared_size_lies(running: Running, into: Path, difference: int) -> None:
    """Say corrupt-layer for a blob that is longer or shorter than its manifest declares."""
    running.state.add_blob(BLOB)
    config = config_of(PLAIN)
    document = manifest_of(config, BLOB)
    document["layers"][0]["size"] += difference
    assert _reason(_pull(running, _resolved(running, config, document), into)) == "corrupt-layer"


def test_a_body_without_end_is_cut_at_the_declared_size(running: Running, into: Path) -> None:
    """Read no more than a chunk beyond what the manifest declares."""
    written: list[int] = []

    def endless(handler: Handler) -> bool:
        handler.hang_up()
        handler.answer(200, BLOB, {"Content-Length": ""})
        try:
            while len(written) < 10_000:
                handler.wfile.write(bytes(1 << 16))
                written.append(1 << 16)
        except OSError:
            return True
        return True

    image = _image(running, [BLOB], [PLAIN])
    running.state.fail("storage", digest_of(BLOB), endless)
    assert _reason(_pull(running, image, into)) == "corrupt-layer"
    assert sum(written) < 10_000 * (1 << 16)


def test_refuses_anothers_diff_id(running: Running, into: Path) -> None:
    """Say corrupt-layer when the config claims contents that the layer has not."""
    image = _image(running, [BLOB, gzip.compress(SMALL)], [SMALL, SMALL])
    assert _reason(_pull(running, image, into)) == "corrupt-layer"


def test_stops_a_bomb(running: Running, into: Path) -> None:
    """Say too-large for layers that together unpack to more than they may."""
    halves = [bytes(3_000_000), b"1" * 3_000_000]
    image = _image(running, [gzip.compress(half) for half in halves], halves)
    limits = Limits(uncompressed_bytes=5_000_000)
    assert _reason(_pull(running, image, into, limits=limits)) == "too-large"


def test_unpacks_no_more_than_the_disk_has_room_for(
    running: Running, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Say too-large before a small image fills the disk."""
    image = _image(running, [BLOB], [PLAIN])
    room = len(PLAIN) + DISK_RESERVE_BYTES
    usage = shutil.disk_usage(into)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=room - 1))
    assert _reason(_pull(running, image, into)) == "too-large"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=room))
    assert isinstance(_pull(running, image, into / "again"), dict)


def test_never_fetches_a_foreign_layer(running: Running, into: Path) -> None:
    """Say foreign-layer without a single request."""
    config = config_of(PLAIN)
    document = manifest_of(config)
    url = f"https://{running.storage}/foreign"
    document["layers"] = [descriptor(BLOB, OCI_LAYER, urls=[url])]
    assert _reason(_pull(running, _resolved(running, config, document), into)) == "foreign-layer"
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
    image = _image(running, [BLOB], [PLAIN])
    running.state.location = lambda digest: location.format(
        storage=running.storage,
        registry=running.registry,
        port=running.storage.partition(":")[2],
        digest=digest,
    )
    pulled = _pull(running, image, into, resolve_host=lambda _h, _p: ("127.0.0.1",))
    assert _reason(pulled) == "redirect"
    assert running.state.requests_to("storage") == []
    assert len(running.state.requests_to("registry", "/blobs/")) == 1


def test_follows_two_redirects_and_not_three(running: Running, into: Path) -> None:
    """End a chain of redirects at the second hop."""
    image = _image(running, [BLOB], [PLAIN])

    def onwards(handler: Handler) -> bool:
        handler.answer(307, b"", {"Location": f"https://{running.storage}/data/{digest_of(BLOB)}"})
        return True

    running.state.fail("storage", digest_of(BLOB), onwards)
    assert isinstance(_pull(running, image, into), dict)
    running.state.fail("storage", digest_of(BLOB), *[onwards] * 20)
    assert _reason(_pull(running, image, into / "again")) == "redirect"
    assert len(running.state.requests_to("storage")) == 2 + 2


def test_connects_to_the_address_that_was_checked(running: Running, into: Path) -> None:
    """Ask for a name's address once a hop; the certificate is still checked for the name."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",)

    name = f"storage.invalid:{running.storage.partition(':')[2]}"
    image = _image(running, [BLOB], [PLAIN])
    running.state.location = lambda digest: f"https://{name}/data/{digest}"
    with pytest.raises(RegistryError, match="cannot be reached"):
        _pull(running, image, into, blob_hosts=frozenset({name}), resolve_host=resolve)
    assert set(asked) == {"storage.invalid"}
    assert running.state.requests_to("storage") == []


def test_a_blob_that_the_registry_lost_is_our_trouble(running: Running, into: Path) -> None:
    """Raise RegistryError, because a registry keeps what its manifests name."""
    image = _image(running, [BLOB], [PLAIN])
    del running.state.blobs[digest_of(BLOB)]
    with pytest.raises(RegistryError, match="404"):
        _pull(running, image, into)


def test_a_byte_a_second_ends_at_the_deadline(running: Running, into: Path) -> None:
    """Cut off storage that never meets the read timeout but never ends either."""

    def drip(handler: Handler) -> bool:
        handler.hang_up()
        handler.answer(200, b"", {"Content-Length": str(len(BLOB))})
        while not handler.state.released.wait(0.1):
            handler.wfile.write(b"x")
        return True

    image = _image(running, [BLOB], [PLAIN])
    running.state.fail("storage", digest_of(BLOB), drip)
    began = time.monotonic()
    with pytest.raises(RegistryError, match="within the time"):
        _pull(running, image, into, deadline_seconds=1.0)
    assert time.monotonic() - began < 5


def test_a_fault_in_one_layer_ends_the_pull_of_the_others(running: Running, into: Path) -> None:
    """Wait neither for a large layer nor for a slow one once the image cannot be examined."""

    def drip(handler: Handler) -> bool:
        handler.hang_up()
        handler.answer(200, b"", {"Content-Length": str(len(BLOB))})
        while not handler.state.released.wait(0.1):
            handler.wfile.write(b"x")
        return True

    image = _image(running, [gzip.compress(SMALL), BLOB], [PLAIN, PLAIN])
    running.state.fail("storage", digest_of(BLOB), drip)
    began = time.monotonic()
    assert _reason(_pull(running, image, into, deadline_seconds=30.0)) == "corrupt-layer"
    assert time.monotonic() - began < 10
