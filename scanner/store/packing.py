"""Files as they are archived: each in one zstd frame, piece by piece, both digests known."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from scanner.advisory_ports import ArchivedFile
from scanner.errors import StoreError
from scanner.model import Digest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE_BYTES = 1 << 20
_LEVEL = 3
_MAX_WINDOW_LOG = 23  # 8 MiB; this level takes 2 MiB


def pack(path: Path, name: str, *, into: Path) -> ArchivedFile:
    """Compress a file into another. Raises OSError."""
    plain, packed = hashlib.sha256(), hashlib.sha256()
    compressor = zstd.ZstdCompressor(level=_LEVEL)
    with path.open("rb") as source, into.open("wb") as target:
        while piece := source.read(_PIECE_BYTES):
            plain.update(piece)
            compressed = compressor.compress(piece)
            packed.update(compressed)
            target.write(compressed)
        end = compressor.flush()
        packed.update(end)
        target.write(end)
        sizes = source.tell(), target.tell()
    return ArchivedFile(
        name=name,
        digest=Digest(f"sha256:{plain.hexdigest()}"),
        size=sizes[0],
        packed_digest=Digest(f"sha256:{packed.hexdigest()}"),
        packed_size=sizes[1],
    )


def unpack(stored: Iterable[bytes], file: ArchivedFile, *, into: Path) -> None:
    """Write a file that was packed. Raises StoreError for any other bytes, and OSError."""
    plain, packed, size = hashlib.sha256(), hashlib.sha256(), 0
    with into.open("xb") as target:
        for piece in _pieces(_hashed(stored, packed), file.name):
            size += len(piece)
            if size > file.size:
                raise StoreError(f"advisories.read: {file.name} is over {file.size} bytes")
            plain.update(piece)
            target.write(piece)
    seen = f"sha256:{packed.hexdigest()}", f"sha256:{plain.hexdigest()}"
    if seen != (str(file.packed_digest), str(file.digest)):
        raise StoreError(f"advisories.read: {file.name} is not what was archived")


def _hashed(stored: Iterable[bytes], packed: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in stored:
        packed.update(chunk)
        yield chunk


def _pieces(stored: Iterable[bytes], name: str) -> Iterator[bytes]:
    frame = zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG}
    )
    try:
        for chunk in stored:
            yield frame.decompress(chunk, max_length=_PIECE_BYTES)
            while not (frame.eof or frame.needs_input):
                yield frame.decompress(b"", max_length=_PIECE_BYTES)
    except (zstd.ZstdError, EOFError) as error:
        raise StoreError(f"advisories.read: {name} cannot be unpacked") from error
