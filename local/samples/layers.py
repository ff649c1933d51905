"""Writes image layers as streams: files become a tar, the tar is hashed and packed on the way out.

Format source: OCI image specification 1.1, "Image Layer Filesystem Changeset". The same files give
the same bytes: no clock, no owner, no file system order enters them.
"""

import gzip
import hashlib
import io
import sys
import tarfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol, Self

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_DIRECTORY_MODE: Final = 0o755
_FILE_MODE: Final = 0o644
_ZSTD_LEVEL: Final = 3
WHITEOUT_PREFIX: Final = ".wh."


class Compression(Enum):
    """How a layer's tar is packed; the value is the suffix of its OCI media type."""

    GZIP = "+gzip"
    ZSTD = "+zstd"
    NONE = ""

    @property
    def media_type(self) -> str:
        """The OCI media type of such a layer."""
        return f"application/vnd.oci.image.layer.v1.tar{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A finished layer: its digest as stored, and the digest of the tar within (diff_id)."""

    digest: str
    size: int
    diff_id: str
    compression: Compression


class _Sink(Protocol):
    def write(self, data: "ReadableBuffer", /) -> int | None: ...


class _HashingWriter(io.RawIOBase):
    """Passes bytes on and hashes them."""

    def __init__(self, sink: _Sink) -> None:
        super().__init__()
        self._sink = sink
        self._sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        self._sha256.update(data)
        self._sink.write(data)
        written = memoryview(data).nbytes
        self.size += written
        return written

    @property
    def digest(self) -> str:
        return f"sha256:{self._sha256.hexdigest()}"


class LayerWriter:
    """Writes one layer to a file. Memory use does not grow with the layer.

    Attributes:
        layer: What was written; set when the context is left.
    """

    def __init__(self, path: Path, compression: Compression, *, level: int = 6) -> None:
        """Write to a new file; `level` is gzip's and is not used otherwise."""
        self._path = path
        self._compression = compression
        self._level = level
        self._directories: set[PurePosixPath] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._packed = _HashingWriter(stack.enter_context(self._path.open("xb")))
            self._tar_bytes = _HashingWriter(
                _packer(stack, self._packed, self._compression, self._level)
            )
            self._tar = stack.enter_context(
                tarfile.open(fileobj=self._tar_bytes, mode="w|", format=tarfile.PAX_FORMAT)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()
        self.layer = Layer(
            digest=self._packed.digest,
            size=self._packed.size,
            diff_id=self._tar_bytes.digest,
            compression=self._compression,
        )

    @property
    def packed_bytes(self) -> int:
        """How many bytes have reached the file so far."""
        return self._packed.size

    def add(self, path: str, content: bytes, *, mode: int = _FILE_MODE) -> None:
        """Add a file, and the folders above it that are not there yet."""
        entry = self._entry(path)
        entry.size = len(content)
        entry.mode = mode
        self._tar.addfile(entry, io.BytesIO(content))

    def add_link(self, path: str, target: str) -> None:
        """Add a symbolic link, and the folders above it that are not there yet."""
        entry = self._entry(path)
        entry.type = tarfile.SYMTYPE
        entry.linkname = target
        self._tar.addfile(entry)

    def _entry(self, path: str) -> tarfile.TarInfo:
        place = PurePosixPath(path)
        for folder in reversed(place.parents[:-1]):
            if folder not in self._directories:
                self._directories.add(folder)
                self._add_directory(folder)
        return tarfile.TarInfo(str(place))

    def _add_directory(self, folder: PurePosixPath) -> None:
        entry = tarfile.TarInfo(str(folder))
        entry.type = tarfile.DIRTYPE
        entry.mode = _DIRECTORY_MODE
        self._tar.addfile(entry)


def write_layer(path: Path, files: Mapping[str, bytes], compression: Compression) -> Layer:
    """Write a layer of these files, by their path from the image's root."""
    with LayerWriter(path, compression) as writer:
        for name in sorted(files):
            writer.add(name, files[name])
    return writer.layer


def whiteout(path: str) -> str:
    """Return the name of the empty file that deletes `path` from the layers below."""
    place = PurePosixPath(path)
    return str(place.with_name(WHITEOUT_PREFIX + place.name))


def _packer(stack: ExitStack, sink: _HashingWriter, compression: Compression, level: int) -> _Sink:
    if compression is Compression.GZIP:
        return stack.enter_context(
            gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=sink, mtime=0)
        )
    if compression is Compression.ZSTD:
        return stack.enter_context(zstd.ZstdFile(sink, mode="wb", level=_ZSTD_LEVEL))
    return sink
