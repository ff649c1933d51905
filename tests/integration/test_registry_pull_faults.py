"""Pulls over connections that break, stall, lie and never end."""

import gzip
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.errors import RegistryError
from scanner.registry import Timing
from scanner.registry.blobs import CHUNK_BYTES
from tests.image_samples import digest_of
from tests.integration.pulled_images import (
    BLOB,
    PLAIN,
    SMALL,
    image_of,
    into,
    pull,
    reason_of,
    running,
)
from tests.registry_server import Handler, Running

pytestmark = pytest.mark.integration
__all__ = ["into", "running"]

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
    """Answer with a status."""

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
    image = image_of(running, [BLOB], [PLAIN])
    running.state.fail(server, digest_of(BLOB), *faults)
    assert isinstance(pull(running, image, into), dict)
    assert (into / digest_of(BLOB)[7:]).read_bytes() == PLAIN
    assert len(running.state.requests_to("storage")) == requests


def test_resumes_where_the_connection_broke(running: Running, into: Path) -> None:
    """Ask for the rest by Range after a stall at 99 %, from the last whole chunk on."""
    image = image_of(running, [BLOB], [PLAIN])
    running.state.fail("storage", digest_of(BLOB), _stalled)
    timing = Timing(sleep=lambda _: None, read_seconds=0.5)
    assert isinstance(pull(running, image, into, timing=timing), dict)
    ranges = [one.headers.get("range") for one in running.state.requests_to("storage")]
    assert ranges == [None, f"bytes={2 * CHUNK_BYTES}-"]


@pytest.mark.parametrize("served", [bytes(len(BLOB)), b"<html>please sign in</html>"])
def test_says_corrupt_when_the_registry_keeps_serving_other_bytes(
    running: Running, into: Path, served: bytes
) -> None:
    """Try twice, then record it: waiting does not mend a swapped blob."""
    image = image_of(running, [BLOB], [PLAIN])
    running.state.blobs[digest_of(BLOB)] = served
    assert reason_of(pull(running, image, into)) == "corrupt-layer"
    assert len(running.state.requests_to("storage")) == 2


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

    image = image_of(running, [BLOB], [PLAIN])
    running.state.fail("storage", digest_of(BLOB), endless)
    assert reason_of(pull(running, image, into)) == "corrupt-layer"
    assert sum(written) < 10_000 * (1 << 16)


def test_a_blob_that_the_registry_lost_is_our_trouble(running: Running, into: Path) -> None:
    """Raise RegistryError, because a registry keeps what its manifests name."""
    image = image_of(running, [BLOB], [PLAIN])
    del running.state.blobs[digest_of(BLOB)]
    with pytest.raises(RegistryError, match="404"):
        pull(running, image, into)


def test_a_byte_a_second_ends_at_the_deadline(running: Running, into: Path) -> None:
    """Cut off storage that never meets the read timeout but never ends either."""

    def drip(handler: Handler) -> bool:
        handler.hang_up()
        handler.answer(200, b"", {"Content-Length": str(len(BLOB))})
        while not handler.state.released.wait(0.1):
            handler.wfile.write(b"x")
        return True

    image = image_of(running, [BLOB], [PLAIN])
    running.state.fail("storage", digest_of(BLOB), drip)
    began = time.monotonic()
    with pytest.raises(RegistryError, match="within the time"):
        pull(running, image, into, deadline_seconds=1.0)
    assert time.monotonic() - began < 5


def test_a_fault_in_one_layer_ends_the_pull_of_the_others(running: Running, into: Path) -> None:
    """Wait neither for a large layer nor for a slow one once the image cannot be examined."""

    def drip(handler: Handler) -> bool:
        handler.hang_up()
        handler.answer(200, b"", {"Content-Length": str(len(BLOB))})
        while not handler.state.released.wait(0.1):
            handler.wfile.write(b"x")
        return True

    image = image_of(running, [gzip.compress(SMALL), BLOB], [PLAIN, PLAIN])
    running.state.fail("storage", digest_of(BLOB), drip)
    began = time.monotonic()
    assert reason_of(pull(running, image, into, deadline_seconds=30.0)) == "corrupt-layer"
    assert time.monotonic() - began < 10
