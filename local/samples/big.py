"""Large images for measurements: many files in several layers, which pack as real ones do."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.samples.debian import base_files
from local.samples.images import Kind, SampleImage, assemble
from local.samples.layers import Compression, Layer, LayerWriter
from local.samples.layout import Descriptor, LayoutWriter

_MEGABYTE: Final = 1_000_000
_LAYER_SHARES: Final = (0.40, 0.25, 0.15, 0.12, 0.08)
_GZIP_LEVEL: Final = 1
_POOL_BYTES: Final = 8 << 20
_MAX_FILE_BYTES: Final = 4 << 20
_FILES_PER_FOLDER: Final = 200
_TEXT_SHARE: Final = 0.4
# Median 10 kB, mean about 40 kB: many small files and a few libraries, as in /usr.
_SIZE_MU, _SIZE_SIGMA = 9.2, 1.7


def build_big(
    megabytes: int, into: Path, *, name: str = "", shares: Sequence[float] = _LAYER_SHARES
) -> SampleImage:
    """Build `into/big-<megabytes>`, an image of about so many million bytes as stored (gzip).

    It has the Debian package database of the clean image, so its verdict is healthy. Memory use
    does not grow with its size. One that is already there is replaced.

    Args:
        megabytes: About how large.
        into: Where the layout's folder is made.
        name: Another name for it.
        shares: Those of its layers, over a small one with the system.
    """

    def add(layout: LayoutWriter) -> Descriptor:
        generated = [
            _add_layer(layout, number, int(megabytes * _MEGABYTE * share))
            for number, share in enumerate(shares)
        ]
        return layout.add_image([layout.add_layer(base_files()), *generated])

    return assemble(name or f"big-{megabytes}", into, Kind.IMAGE, add)


def _add_layer(layout: LayoutWriter, number: int, packed_bytes: int) -> Layer:
    files = _files(number)
    with LayerWriter(layout.layer_path(), Compression.GZIP, level=_GZIP_LEVEL) as writer:
        while writer.packed_bytes < packed_bytes:
            file = next(files)
            writer.add(file.path, file.content)
    return layout.store_layer(writer.layer)


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    content: bytes


def _files(layer: int) -> Iterator[_File]:
    """Yield files without end, the same ones each time, whose names no analyser looks for."""
    chance = random.Random(layer)  # noqa: S311 - the same bytes on each run is the point
    text, binary = _text_pool(chance), _binary_pool(chance)
    number = 0
    while True:
        is_text = chance.random() < _TEXT_SHARE
        size = min(int(chance.lognormvariate(_SIZE_MU, _SIZE_SIGMA)) + 1, _MAX_FILE_BYTES)
        pool = text if is_text else binary
        # Farther apart than the 32 kB that gzip looks back, so a pool used twice packs no better.
        start = chance.randrange(len(pool) - size)
        folder = f"opt/layer-{layer}/{number // _FILES_PER_FOLDER:05}"
        suffix = "txt" if is_text else "dat"
        yield _File(f"{folder}/{number:07}.{suffix}", pool[start : start + size])
        number += 1


def _text_pool(chance: random.Random) -> bytes:
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    weights = range(len(letters), 0, -1)
    words = [
        "".join(chance.choices(letters, weights, k=chance.randint(2, 11))) for _ in range(5000)
    ]
    # Few words are frequent and most are rare, as in real text.
    frequencies = [1 / rank for rank in range(1, len(words) + 1)]
    count = _POOL_BYTES // 6
    return " ".join(chance.choices(words, frequencies, k=count)).encode()


def _binary_pool(chance: random.Random) -> bytes:
    """Return pieces of noise and of small repeated records, by turns, as machine code packs."""
    pieces = []
    size = 0
    while size < _POOL_BYTES:
        record = chance.randbytes(chance.randint(4, 16))
        pieces += [chance.randbytes(chance.randint(40, 200)), record * chance.randint(2, 20)]
        size += len(pieces[-1]) + len(pieces[-2])
    return b"".join(pieces)
