"""The stream that unpacks and verifies a layer while it passes by."""

import gzip
import io
import random
import struct
import zlib
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Digest, UnknownReason
from scanner.ports import Layer
from scanner.registry.inflate import PIECE_BYTES, CorruptStreamError, Inflater
from scanner.registry.limits import Limits
from scanner.registry.verify import Budget, LayerCheck
from tests.image_samples import digest_of, tar_of

PLAIN = tar_of(os_release=b"ID=alpine\n" * 5000, data=random.Random(7).randbytes(40_000))  # noqa: S311 - a fixed sample
GZIPPED = gzip.compress(PLAIN, mtime=0)
ZSTD = zstd.compress(PLAIN)
SKIPPABLE = struct.pack("<II", 0x184D2A5E, 5) + b"hello"
WIDE = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
WIDE_WINDOW = WIDE.compress(PLAIN) + WIDE.flush()


def _check(
    blob: bytes,
    plain: bytes = PLAIN,
    *,
    step: int = 1 << 18,
    limits: Limits | None = None,
    file: io.BytesIO | None = None,
) -> LayerCheck:
    layer = Layer(digest=Digest(digest_of(blob)), size=len(blob), diff_id=Digest(digest_of(plain)))
    check = LayerCheck(layer, Budget(limits or Limits()), file or io.BytesIO())
    for start in range(0, len(blob), step):
        check.feed(blob[start : start + step])
    assert check.has_right_bytes()
    return check


@pytest.mark.parametrize("step", [1, 3, 1000, 1 << 18])
@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(GZIPPED, id="gzip"),
        pytest.param(gzip.compress(PLAIN[:999]) + gzip.compress(PLAIN[999:]), id="gzip-members"),
        pytest.param(ZSTD, id="zstd"),
        pytest.param(zstd.compress(PLAIN[:999]) + zstd.compress(PLAIN[999:]), id="zstd-frames"),
        pytest.param(SKIPPABLE + ZSTD + SKIPPABLE, id="zstd-with-skippable-frames"),
    ],
)
def test_accepts_what_go_accepts(blob: bytes, step: int) -> None:
    """Verify and unpack plain, gzip and zstd streams, however they are cut."""
    file = io.BytesIO()
    assert _check(blob, step=step, file=file).fault() is None
    assert file.getvalue() == PLAIN


@pytest.mark.parametrize("blob", [b"", b"a", b"\x1f"])
def test_takes_what_is_too_short_to_tell_for_plain(blob: bytes) -> None:
    """Hash and keep a stream of less than four bytes as it is."""
    file = io.BytesIO()
    assert _check(blob, blob, file=file).fault() is None
    assert file.getvalue() == blob


@pytest.mark.parametrize("step", [1000, 1 << 18])
@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(GZIPPED[:-20], id="gzip-truncated"),
        pytest.param(GZIPPED[:-8], id="gzip-without-checksum"),
        pytest.param(GZIPPED[:5], id="gzip-header-only"),
        pytest.param(b"\x1f\x8b", id="gzip-magic-only"),
        pytest.param(GZIPPED + b"garbage", id="gzip-and-garbage"),
        pytest.param(GZIPPED + b"\0" * 512, id="gzip-and-zeros"),
        pytest.param(GZIPPED[:-8] + b"\0" * 8, id="gzip-wrong-checksum"),
        pytest.param(b"\x1f\x8b\x08\x00" + b"?" * 100, id="not-gzip-after-all"),
        pytest.param(ZSTD[:-20], id="zstd-truncated"),
        pytest.param(ZSTD + b"garbage", id="zstd-and-garbage"),
        pytest.param(b"\x28\xb5\x2f\xfd" + b"?" * 100, id="not-zstd-after-all"),
        pytest.param(gzip.compress(PLAIN + b"."), id="other-contents"),
        pytest.param(gzip.compress(GZIPPED), id="gzip-in-gzip"),
        pytest.param(zlib.compress(PLAIN), id="zlib-not-gzip"),
    ],
)
def test_calls_a_layer_corrupt_that_does_not_unpack_to_its_diff_id(blob: bytes, step: int) -> None:
    """Say corrupt-layer for broken streams, trailing garbage and other contents."""
    fault = _check(blob, step=step).fault()
    assert fault is not None
    assert fault.reason is UnknownReason.CORRUPT_LAYER


def test_refuses_a_zstd_window_above_8_mib() -> None:
    """Say too-large instead of giving a frame the memory that it asks for."""
    fault = _check(WIDE_WINDOW).fault()
    assert fault is not None
    assert (fault.reason, "window" in fault.detail) == (UnknownReason.TOO_LARGE, True)


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_stops_a_bomb_at_the_cap(compress: Callable[[bytes], bytes]) -> None:
    """Say too-large once the layers have unpacked to more than they may."""
    limits = Limits(uncompressed_bytes=3 * PIECE_BYTES)
    bomb = bytes(8 * PIECE_BYTES)
    fault = _check(compress(bomb), bomb, limits=limits).fault()
    assert fault is not None
    assert fault.reason is UnknownReason.TOO_LARGE


def test_stops_a_ratio_that_deflate_cannot_reach() -> None:
    """Say too-large for an absurd ratio, but only above the size where it matters."""
    bomb = bytes(8 * PIECE_BYTES)
    blob = zstd.compress(bomb)
    limits = Limits(ratio_counts_above_bytes=2 * PIECE_BYTES)
    fault = _check(blob, bomb, limits=limits).fault()
    assert fault is not None
    assert fault.reason is UnknownReason.TOO_LARGE
    assert _check(blob, bomb).fault() is None


def test_counts_all_layers_against_one_budget_and_gives_back_what_is_read_again() -> None:
    """Count over the layers of an image; a restarted blob is not counted twice."""
    budget = Budget(Limits(uncompressed_bytes=2 * len(PLAIN)))
    layer = Layer(digest=Digest(digest_of(GZIPPED)), size=1, diff_id=Digest(digest_of(PLAIN)))
    for _ in range(5):
        broken = LayerCheck(layer, budget, io.BytesIO())
        broken.feed(GZIPPED)
        broken.abandon()
    first, second, third = (LayerCheck(layer, budget, io.BytesIO()) for _ in range(3))
    for check in (first, second, third):
        check.feed(GZIPPED)
    assert first.fault() is None
    assert second.fault() is None
    fault = third.fault()
    assert fault is not None
    assert fault.reason is UnknownReason.TOO_LARGE


def test_yields_a_bomb_in_small_pieces() -> None:
    """Hold no more than a piece of the plain stream at once."""
    inflater = Inflater()
    pieces = [len(piece) for piece in inflater.feed(gzip.compress(bytes(20 * PIECE_BYTES)))]
    assert max(pieces) <= PIECE_BYTES
    assert sum(pieces) == 20 * PIECE_BYTES


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]))
def test_any_bytes_unpack_or_are_corrupt(untrusted: bytes, magic: bytes) -> None:
    """End every stream in bytes or in a verdict, and raise nothing else."""
    fault = _check(magic + untrusted, b"").fault()
    assert fault is None or fault.reason in {UnknownReason.CORRUPT_LAYER, UnknownReason.TOO_LARGE}


@given(st.data())
def test_a_flipped_bit_never_passes(data: st.DataObject) -> None:
    """Either find the fault or have the very same contents (a bit that gzip does not use)."""
    blob = bytearray(gzip.compress(PLAIN[:2000], mtime=0))
    place = data.draw(st.integers(0, len(blob) - 1))
    blob[place] ^= 1 << data.draw(st.integers(0, 7))
    if _check(bytes(blob), PLAIN[:2000]).fault() is None:
        inflater = Inflater()
        try:
            plain = b"".join(inflater.feed(bytes(blob))) + b"".join(inflater.finish())
        except CorruptStreamError:
            plain = b""
        assert plain == PLAIN[:2000]
