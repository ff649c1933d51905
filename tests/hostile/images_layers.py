"""Layers that cost more than they show, or are not what they seem."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable

from backports import zstd

from tests.hostile.images import DEBIAN, LODASH, Entry, Hostile, Put, blobs, image, tar
from tests.registry_server import State

_MIB = 1 << 20
_ESCAPED = "tmp/pushscan-escaped"
_PLAIN = tar(DEBIAN)
_GZIPPED = gzip.compress(_PLAIN, mtime=0)
_CORRUPT = "unknown(corrupt-layer)"
_LARGE = "unknown(too-large)"


def _zstd(plain: bytes, *, window_log: int = 20) -> bytes:
    options: dict[int, int] = {
        zstd.CompressionParameter.window_log: window_log,
        zstd.CompressionParameter.content_size_flag: 0,
    }
    packer = zstd.ZstdCompressor(options=options)
    # In two pieces: a frame of known size needs no window.
    return packer.compress(plain) + packer.flush()


def _packed(packed: bytes) -> Put:
    return blobs([_PLAIN], [packed])


def _later(make: Callable[[], Put]) -> Put:
    """Make a large image when it is pushed, and not before."""

    def put(state: State) -> str:
        return make()(state)

    return put


def _with(files: Callable[[], dict[str, bytes]]) -> Put:
    return _later(lambda: image(tar(DEBIAN | files())))


def _zeros(mebibytes: int) -> bytes:
    return bytes(mebibytes * _MIB)


def _pax_header_of(length: int) -> bytes:
    """A tar archive whose first member has an extended header of that many bytes."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, length
    padding = bytes(-length % 512)
    return header.tobuf() + b"x" * length + padding + _PLAIN


def _escapes() -> Put:
    lures = (
        Entry(name="../../../../" + _ESCAPED, content=b"x"),
        Entry(name="/" + _ESCAPED, content=b"x"),
        Entry(name="dev/sda", kind=tarfile.BLKTYPE),
        Entry(name="fifo", kind=tarfile.FIFOTYPE),
        Entry(name="shadow", kind=tarfile.LNKTYPE, link="/etc/shadow"),
        Entry(name="root", kind=tarfile.SYMTYPE, link="/"),
        Entry(name="root/" + _ESCAPED, content=b"x"),
    )
    return image(tar(DEBIAN, *lures))


def _links_out() -> Put:
    tree = [
        Entry(name=f"a{n}", kind=tarfile.SYMTYPE, link=f"/oldroot/proc/self/root/{n}")
        for n in range(200)
    ]
    return image(tar(DEBIAN, *tree, Entry(name="a1/x", content=b"x")))


def _many_files(count: int) -> Put:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for n in range(count):
            archive.addfile(tarfile.TarInfo(f"d/{n}"))
    return image(_PLAIN, buffer.getvalue())


def _npm_packages(count: int) -> dict[str, bytes]:
    return {
        f"app/node_modules/p{n}/package.json": json.dumps(
            {"name": f"p{n}", "version": "1.0.0"}
        ).encode()
        for n in range(count)
    }


_BROKEN = {f"app/node_modules/x{n}/package.json": b"{" for n in range(9000)}
_KEY = "AKIA" + "Q" * 16

_ROWS: tuple[tuple[str, str, Put, str], ...] = (
    (
        "B37",
        "os-release of 110 MiB",
        _with(lambda: {"etc/os-release": _zeros(110)}),
        "unknown(disk-limit)",
    ),
    (
        "B37 C2",
        "apk database of 110 MiB",
        _with(lambda: {"lib/apk/db/installed": _zeros(110)}),
        "unknown(disk-limit)",
    ),
    ("C2", "jar of 110 MiB", _with(lambda: {"opt/x.jar": _zeros(110)}), "unknown(disk-limit)"),
    (
        "C3",
        "package.json of 64 MiB",
        _with(lambda: {"app/node_modules/x/package.json": _zeros(64)}),
        "unknown(incomplete-analysis)",
    ),
    (
        "B38 C1",
        "file of 110 MiB that nobody reads",
        _with(lambda: {"var/data": _zeros(110)}),
        "healthy",
    ),
    (
        "C1",
        "image of more bytes than may be unpacked",
        _with(lambda: {"var/data": _zeros(140)}),
        _LARGE,
    ),
    (
        "C1",
        "four layers that are too many bytes together",
        _later(lambda: image(*[tar({f"v{n}": _zeros(35)}) for n in range(4)])),
        _LARGE,
    ),
    (
        "B39",
        "text of 64 MiB",
        _with(lambda: {"var/text.txt": b"password\n" * (64 * _MIB // 9)}),
        "healthy",
    ),
    ("B40", "PAX header of 2 MiB", image(_pax_header_of(2 * _MIB)), _CORRUPT),
    ("B41 C7", "30,000 empty files", _later(lambda: _many_files(30_000)), "healthy"),
    ("B42 S10", "gzip truncated", _packed(_GZIPPED[:-20]), _CORRUPT),
    ("B42", "gzip with garbage behind it", _packed(_GZIPPED + b"garbage"), _CORRUPT),
    ("B42", "no gzip and no tar", blobs([b"garbage" * 99], [b"garbage" * 99]), _CORRUPT),
    ("B42 S10", "tar truncated", image(_PLAIN[:4000]), _CORRUPT),
    (
        "B42",
        "gzip of two members",
        _packed(gzip.compress(_PLAIN[:999]) + gzip.compress(_PLAIN[999:])),
        "healthy",
    ),
    ("B43", "zstd under gzip's name", _packed(_zstd(_PLAIN)), "healthy"),
    ("B43", "zstd with a window of 128 MiB", _packed(_zstd(_PLAIN, window_log=27)), _LARGE),
    ("B43", "plain under gzip's name", _packed(_PLAIN), "healthy"),
    (
        "B45",
        "50,000 keys in a file",
        _with(lambda: {"app/.env": "".join(f"K{n}={_KEY}\n" for n in range(50_000)).encode()}),
        "unknown(incomplete-analysis)",
    ),
    ("B46 C7", "3,000 npm packages", _with(lambda: _npm_packages(3000)), "healthy"),
    (
        "B46 C7",
        "3,000 npm packages around a vulnerable one",
        _with(lambda: _npm_packages(3000) | LODASH),
        "unhealthy",
    ),
    (
        "B66",
        "more to say of broken packages than is read",
        _with(lambda: _BROKEN),
        "unknown(incomplete-analysis)",
    ),
    (
        "B66",
        "more to say of broken packages than is read, and a vulnerable one",
        _with(lambda: _BROKEN | LODASH),
        "unhealthy",
    ),
    ("B67 C8", "members that point outside", _escapes(), "healthy"),
    ("B68 C8", "links that point outside", _links_out(), "healthy"),
)

LAYERS = tuple(
    Hostile(name=name, ids=tuple(keys.split()), put=put, verdict=verdict)
    for keys, name, put, verdict in _ROWS
)
