"""Images that reach a limit of their examination: each end has its own name."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable

from scanner.sandbox import Limits
from tests.corpus.secrets import aws_key
from tests.hostile.images import DEBIAN, LIMITS, LODASH, Entry, Hostile, Put, image, tar
from tests.registry_server import State

_MIB = 1 << 20
_SHORT = Limits(wall_seconds=1.5)
_SMALL = Limits(wall_seconds=30.0, memory_bytes=128 * _MIB)
_PATIENT = Limits(wall_seconds=120.0)
_QUIET = Limits(wall_seconds=30.0, stdout_bytes=256 << 10)
_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00\x01\x00\x00\x00"


def _later(layer: Callable[[], bytes]) -> Put:
    """Make a large layer when it is pushed, and not before."""

    def put(state: State) -> str:
        return image(layer())(state)

    return put


def _with(files: Callable[[], dict[str, bytes]]) -> Put:
    return _later(lambda: tar(DEBIAN | files()))


def _jar(*inner: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, content in enumerate(inner):
            archive.writestr(f"inner{number}.jar", content)
    return buffer.getvalue()


def _debian_packages(count: int) -> dict[str, bytes]:
    paragraphs = "\n".join(
        f"Package: p{n}\nStatus: install ok installed\nVersion: 1.0\nArchitecture: all\n"
        f"Depends: p{n + 1}\n"
        for n in range(count)
    )
    return {"var/lib/dpkg/status": paragraphs.encode()}


def _alpine_packages(count: int) -> bytes:
    paragraphs = "\n".join(
        f"P:p{n}\nV:1.0-r0\nA:x86_64\nL:MIT\no:p{n}\np:so:p{n}.so\nD:so:p{n + 1}.so\n"
        for n in range(count)
    )
    return tar(
        {
            "etc/alpine-release": b"3.22.0\n",
            "etc/os-release": b'ID=alpine\nVERSION_ID="3.22.0"\n',
            "lib/apk/db/installed": paragraphs.encode(),
        }
    )


def _npm_packages(count: int) -> dict[str, bytes]:
    return {
        f"app/node_modules/p{n}/package.json": json.dumps(
            {"name": f"p{n}", "version": "1.0.0"}
        ).encode()
        for n in range(count)
    }


def _metadata(mebibytes: int) -> bytes:
    return b"Metadata-Version: 2.1\nName: x\nVersion: 1\n\n" + b"x" * (mebibytes * _MIB)


def _sparse(pieces: int) -> bytes:
    """A layer with one sparse file of the PAX 1.0 format, whose map comes before its content."""
    numbers = f"{pieces}\n" + "".join(f"{2 * n}\n1\n" for n in range(pieces))
    content = numbers.encode()
    content += bytes(-len(content) % 512)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("var/sparse")
        member.size = len(content)
        member.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "var/sparse",
            "GNU.sparse.realsize": str(2 * pieces),
        }
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _program() -> bytes:
    entry = Entry(name="usr/bin/x", content=_ELF + bytes(110 * _MIB), mode=0o755)
    return tar(DEBIAN, entry)


_ROWS: tuple[tuple[str, str, Put, str, Limits], ...] = (
    (
        "C6",
        "dpkg database of 60,000 packages, in 1.5 s",
        _with(lambda: _debian_packages(60_000)),
        "unknown(timeout)",
        _SHORT,
    ),
    (
        "C6",
        "apk database of 60,000 packages, in 1.5 s",
        _later(lambda: _alpine_packages(60_000)),
        "unknown(timeout)",
        _SHORT,
    ),
    (
        "C4",
        "five METADATA of 24 MiB, in 128 MiB of memory",
        _with(lambda: {f"srv/x{n}-1.dist-info/METADATA": _metadata(24) for n in range(5)}),
        "unknown(memory-limit)",
        _SMALL,
    ),
    (
        "B46",
        "3,000 npm packages, reported in 256 KiB",
        _with(lambda: _npm_packages(3000)),
        "unknown(output-limit)",
        _QUIET,
    ),
    (
        "B46",
        "3,000 npm packages around a vulnerable one, reported in 256 KiB",
        _with(lambda: _npm_packages(3000) | LODASH),
        "unknown(output-limit)",
        _QUIET,
    ),
    (
        "B45",
        "15,000 secrets, a line each",
        _with(lambda: {"a.txt": "\n-\n".join(map(aws_key, range(15_000))).encode()}),
        "unknown(incomplete-analysis)",
        LIMITS,
    ),
    (
        "B45",
        "150,000 secrets in one line",
        _with(lambda: {"a.txt": " ; ".join(map(aws_key, range(150_000))).encode()}),
        "unknown(output-limit)",
        _PATIENT,
    ),
    (
        "B37 C2",
        "dpkg database of 110 MiB",
        _with(lambda: {"var/lib/dpkg/status": bytes(110 * _MIB)}),
        "unknown(disk-limit)",
        LIMITS,
    ),
    ("C3", "program of 110 MiB", _later(_program), "unknown(disk-limit)", LIMITS),
    (
        "B44",
        "jar of four jars of 25 MiB",
        _with(lambda: {"opt/x.jar": _jar(*[_jar(bytes(25 * _MIB))] * 4)}),
        "unknown(incomplete-analysis)",
        LIMITS,
    ),
    (
        "B44 C5",
        "small jar that holds one of 40 MiB",
        _with(lambda: {"opt/x.jar": _jar(bytes(40 * _MIB))}),
        "unknown(incomplete-analysis)",
        LIMITS,
    ),
    (
        "B40",
        "sparse file of 300,000 pieces",
        _later(lambda: _sparse(300_000)),
        "unknown(corrupt-layer)",
        LIMITS,
    ),
)

LIMITED = tuple(
    Hostile(name=name, ids=tuple(keys.split()), put=put, verdict=verdict, limits=limits)
    for keys, name, put, verdict, limits in _ROWS
)
