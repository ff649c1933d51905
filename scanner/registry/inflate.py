"""Compressed stream -> plain stream, a bounded piece at a time, by what Go's readers accept.

Told apart by their first bytes, because the media type is only a claim. Several gzip members or
zstd frames in a row are one stream (RFC 1952, 2.2; RFC 8878, 3.1); anything after them that
begins no other is a fault, as it is for Go's compress/gzip.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Protocol, cast

from isal import igzip_lib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 1024**2
MAX_WINDOW_LOG = 23
"""8 MiB, which RFC 8878, 3.1.1.1.2 recommends decoders to support."""

# isal's stub declares an instance where the module has a class.
_IsalError = cast("type[Exception]", igzip_lib.IsalError)

_SNIFFED_BYTES = 4
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"


class CorruptStreamError(Exception):
    """Raised for a stream that cannot be unpacked to its end."""


class WindowTooLargeError(Exception):
    """Raised for a zstd frame that wants more memory than 8 MiB."""


class _Member(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Inflater:
    """Unpacks one stream of whichever kind it turns out to be."""

    def __init__(self) -> None:
        self._held = b""
        self._is_sniffed = False
        self._new_member: Callable[[], _Member] | None = None
        self._member: _Member | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what can be unpacked so far, in pieces of 1 MiB at most.

        Raises CorruptStreamError or WindowTooLargeError.
        """
        if not self._is_sniffed:
            self._held += chunk
            if len(self._held) < _SNIFFED_BYTES:
                return
            chunk = self._sniff()
        if self._new_member is None:
            yield chunk
        else:
            yield from self._unpack(chunk, self._new_member)

    def finish(self) -> Iterator[bytes]:
        """Yield what was held back. Raises CorruptStreamError when the stream breaks off."""
        if not self._is_sniffed:
            yield from self.feed_last(self._sniff())
        if self._member is not None:
            raise CorruptStreamError("the layer's compressed stream breaks off")

    def feed_last(self, held: bytes) -> Iterator[bytes]:
        """Yield a stream shorter than what is needed to tell its kind."""
        if self._new_member is None:
            yield held
        else:
            yield from self._unpack(held, self._new_member)

    def _sniff(self) -> bytes:
        held, self._held, self._is_sniffed = self._held, b"", True
        if held.startswith(_GZIP):
            self._new_member = _gzip_member
        elif held.startswith(_ZSTD) or (held[1:4] == _ZSTD_SKIPPABLE and held[0] >> 4 == 5):  # noqa: PLR2004 - 0x184D2A5?
            self._new_member = _zstd_member
        return held

    def _unpack(self, chunk: bytes, new_member: Callable[[], _Member]) -> Iterator[bytes]:
        while chunk or (self._member is not None and not self._member.needs_input):
            self._member = self._member or new_member()
            piece = _decompress(self._member, chunk)
            chunk = b""
            if piece:
                yield piece
            if self._member.eof:
                chunk = self._member.unused_data
                self._member = None


def _decompress(member: _Member, chunk: bytes) -> bytes:
    try:
        return member.decompress(chunk, PIECE_BYTES)
    except _IsalError as error:
        raise CorruptStreamError("the layer's gzip stream is corrupt") from error
    except zstd.ZstdError as error:
        # The binding has one class for all faults; libzstd's text for this one is fixed.
        if "too much memory" in str(error):
            raise WindowTooLargeError("the layer's zstd window is larger than 8 MiB") from error
        raise CorruptStreamError("the layer's zstd stream is corrupt") from error


def _gzip_member() -> _Member:
    member: _Member = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
    return member


def _zstd_member() -> _Member:
    return zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG}
    )
