"""Pulling over real TLS: what is written, what is asked, and what a hostile side achieves."""

import gzip
import shutil
from pathlib import Path

import pytest
from backports import zstd

from scanner.registry import Limits
from scanner.registry.limits import DISK_RESERVE_BYTES
from tests.image_samples import config_of, digest_of, manifest_of
from tests.integration.pulled_images import (
    BLOB,
    PLAIN,
    SMALL,
    image_of,
    into,
    pull,
    reason_of,
    resolved_from,
    running,
)
from tests.registry_server import Running

pytestmark = pytest.mark.integration
__all__ = ["into", "running"]


def test_unpacks_each_layer_into_a_file(running: Running, into: Path) -> None:
    """Whatever it is packed with; each once, and nothing else is written."""
    blobs = [BLOB, zstd.compress(SMALL), PLAIN]
    image = image_of(running, blobs, [PLAIN, SMALL, PLAIN])
    pulled = pull(running, image, into)
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
    image = image_of(running, blobs, [b"%d" % number * 5000 for number in range(8)])
    assert isinstance(pull(running, image, into), dict)
    for blob in blobs:
        assert len(running.state.requests_to("registry", digest_of(blob))) == 1
        assert len(running.state.requests_to("storage", digest_of(blob))) == 1
    assert len(running.state.seen) == 2 + 2 * len(blobs)
    for one in running.state.requests_to("storage"):
        assert not {"authorization", "cookie"} & set(one.headers)


def test_pulls_a_layer_once_that_is_listed_500_times(running: Running, into: Path) -> None:
    """Ask once for a digest, however often it is listed within the limit."""
    image = image_of(running, [BLOB] * 127, [PLAIN] * 127)
    pulled = pull(running, image, into)
    assert isinstance(pulled, dict)
    assert len(pulled) == 1
    assert len(running.state.requests_to("storage")) == 1
    too_many = image_of(running, [BLOB] * 500, [PLAIN] * 500)
    assert reason_of(pull(running, too_many, into / "none")) == "too-large"


@pytest.mark.parametrize("difference", [-1, -len(BLOB), 1, 1000])
def test_stops_where_the_declared_size_lies(running: Running, into: Path, difference: int) -> None:
    """Say corrupt-layer for a blob that is longer or shorter than its manifest declares."""
    running.state.add_blob(BLOB)
    config = config_of(PLAIN)
    document = manifest_of(config, BLOB)
    document["layers"][0]["size"] += difference
    assert (
        reason_of(pull(running, resolved_from(running, config, document), into)) == "corrupt-layer"
    )


def test_refuses_anothers_diff_id(running: Running, into: Path) -> None:
    """Say corrupt-layer when the config claims contents that the layer has not."""
    image = image_of(running, [BLOB, gzip.compress(SMALL)], [SMALL, SMALL])
    assert reason_of(pull(running, image, into)) == "corrupt-layer"


def test_stops_a_bomb(running: Running, into: Path) -> None:
    """Say too-large for layers that together unpack to more than they may."""
    halves = [bytes(3_000_000), b"1" * 3_000_000]
    image = image_of(running, [gzip.compress(half) for half in halves], halves)
    limits = Limits(uncompressed_bytes=5_000_000)
    assert reason_of(pull(running, image, into, limits=limits)) == "too-large"


def test_unpacks_no_more_than_the_disk_has_room_for(
    running: Running, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Say too-large before a small image fills the disk."""
    image = image_of(running, [BLOB], [PLAIN])
    room = len(PLAIN) + DISK_RESERVE_BYTES
    usage = shutil.disk_usage(into)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=room - 1))
    assert reason_of(pull(running, image, into)) == "too-large"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=room))
    assert isinstance(pull(running, image, into / "again"), dict)
