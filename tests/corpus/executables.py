"""Programs that carry what they were built from: Go modules and Rust crates.

Formats: Go, `debug/buildinfo/buildinfo.go` (since Go 1.18); Rust, cargo-auditable, PARSING.md;
System V ABI, "Object Files".
"""

import json
import mmap
import struct
import zlib
from importlib.metadata import version
from pathlib import Path

from tests.corpus.image import Part

_ADDRESS = 0x400000
_HEADER, _SEGMENT, _SECTION = 64, 56, 64
_GO_MAGIC = b"\xff Go buildinf:"
_GO_INLINE = 2
_GO_PREFIX = 32
_SENTINEL = 16  # bytes on either side of the module text, see runtime/debug/mod.go

_MODULES = """\
path\texample.com/corpus/server
mod\texample.com/corpus/server\tv1.2.3\th1:server=
dep\tgolang.org/x/text\tv0.3.6\th1:text=
dep\tgithub.com/pkg/old\tv0.1.0
=>\tgithub.com/pkg/new\tv0.9.1\th1:new=
build\t-compiler=gc
build\tGOARCH=amd64
"""


def elf(section: str, content: bytes) -> bytes:
    """Return an x86-64 program that is one section, loaded as one segment. It does not run."""
    names = b"\0" + section.encode() + b"\0.shstrtab\0"
    at = _HEADER + _SEGMENT
    names_at = at + len(content)
    table_at = names_at + len(names)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        *(2, 62, 1, _ADDRESS, _HEADER, table_at, 0),
        *(_HEADER, _SEGMENT, 1, _SECTION, 3, 2),
    )
    size = len(content)
    segment = struct.pack("<IIQQQQQQ", 1, 6, at, _ADDRESS, _ADDRESS, size, size, 16)
    table = bytes(_SECTION)
    table += struct.pack("<IIQQQQIIQQ", 1, 1, 3, _ADDRESS, at, size, 0, 0, 16, 0)
    table += struct.pack("<IIQQQQIIQQ", len(section) + 2, 3, 0, 0, names_at, len(names), 0, 0, 1, 0)
    return head + segment + content + names + table


def go_programs(trivy: Path) -> Part:
    """Return a program with few modules, and one with all that Trivy itself was built from."""
    framed = b"\0" * _SENTINEL + _MODULES.encode() + b"\0" * (_SENTINEL - 1) + b"\n"
    plain = _varint_text(b"go1.22.5") + _varint_text(framed)
    built = _GO_MAGIC + bytes([8, _GO_INLINE]) + bytes(_GO_PREFIX - 16) + plain
    return Part(
        analyser="gobinary",
        files={
            "usr/local/bin/server": elf(".go.buildinfo", built),
            "usr/local/bin/large": elf(".go.buildinfo", _build_information(trivy)),
        },
        facts=frozenset(
            {
                "path: usr/local/bin/server: stdlib v1.22.5",
                "gobinary: example.com/corpus/server v1.2.3",
                "gobinary: golang.org/x/text v0.3.6",
                "gobinary: github.com/pkg/new v0.9.1",
            }
        ),
    )


def _varint_text(text: bytes) -> bytes:
    length, written = len(text), b""
    while length >= 0x80:
        written += bytes([length & 0x7F | 0x80])
        length >>= 7
    return written + bytes([length]) + text


def _build_information(program: Path) -> bytes:
    """Copy it out of a real Go program: version and modules are in line behind the magic."""
    with (
        program.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        at = content.find(_GO_MAGIC)
        while at >= 0:
            if content[at + 15] == _GO_INLINE:
                return content[at : at + (256 << 10)]
            at = content.find(_GO_MAGIC, at + 1)
    raise ValueError(f"{program} has no build information")


def rust_programs(uvx: Path) -> Part:
    """Return a program with few crates, and a real one: it is an ELF file as rustc links it."""
    crates = {
        "packages": [
            {"name": "server", "version": "0.4.0", "source": "local", "root": True}
            | {"dependencies": [1, 2]},
            {"name": "smallvec", "version": "1.6.0", "source": "crates.io"},
            {"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"},
        ]
    }
    made = elf(".dep-v0", zlib.compress(json.dumps(crates).encode()))
    return Part(
        analyser="rustbinary",
        files={"usr/local/bin/rusty": made, "usr/local/bin/uvx": uvx.read_bytes()},
        facts=frozenset(
            {
                "rustbinary: server 0.4.0",
                "rustbinary: smallvec 1.6.0",
                f"path: usr/local/bin/uvx: uv {version('uv')}",
            }
        ),
    )
