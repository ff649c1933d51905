"""Images of which "no findings" would prove nothing: each looks clean to whoever asks no more."""

import io
import tarfile
import zipfile

from tests.hostile.images import DEBIAN, LODASH, Entry, Hostile, image, tar

_STATUS_PATH = "var/lib/dpkg/status"
_STATUS = DEBIAN[_STATUS_PATH]
_WITHOUT_STATUS = {name: content for name, content in DEBIAN.items() if name != _STATUS_PATH}
_GARBAGE = b"\x00\xff" * 500
_EMPTY_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00\x01" + b"\xff" * 300


def _os_release(family: str, version: str) -> bytes:
    return f'ID={family}\nVERSION_ID="{version}"\n'.encode()


def _debian(version: str) -> dict[str, bytes]:
    release = _os_release("debian", version)
    return DEBIAN | {
        "etc/os-release": release,
        "usr/lib/os-release": release,
        "etc/debian_version": f"{version}\n".encode(),
    }


def _alpine(version: str, installed: bytes) -> dict[str, bytes]:
    return {
        "etc/alpine-release": f"{version}\n".encode(),
        "etc/os-release": _os_release("alpine", version),
        "lib/apk/db/installed": installed,
    }


_MUSL = b"P:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\n\n"
_REDHAT = {
    "etc/redhat-release": b"Red Hat Enterprise Linux release 9.3 (Plow)\n",
    "etc/os-release": _os_release("rhel", "9.3"),
}


_GEM = {
    "usr/lib/ruby/gems/3.1.0/specifications/rake-13.0.6.gemspec": b"""\
Gem::Specification.new do |s|
  s.name = "rake".freeze
  s.version = "13.0.6"
end
"""
}
_CURATED = {"usr/share/rapidfort/curated.json": b""}


def _jar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _nested_jar(depth: int) -> bytes:
    innermost = _jar("a.class", b"x")
    for _ in range(depth):
        innermost = _jar("inner.jar", innermost)
    return innermost


def _without_status(*entries: Entry) -> bytes:
    return tar({**_WITHOUT_STATUS, "hidden/status": _STATUS}, *entries)


def _beside_debian(**files: bytes) -> bytes:
    return tar(DEBIAN | files)


def _kinds(unreadable: str) -> tuple[str, ...]:
    return ("B44", "C7", "S8") if unreadable.startswith("jar") else ("B66", "S8")


_UNREADABLE = {
    "package.json of half an object": {"app/node_modules/x/package.json": b"{"},
    "package.json nested 5000 deep": {"app/node_modules/x/package.json": b'{"a":' * 5000},
    "METADATA of garbage": {"usr/lib/python3/x-1.dist-info/METADATA": _GARBAGE},
    "gemspec of garbage": {"usr/lib/specifications/x-1.gemspec": _GARBAGE},
    "Cargo.lock of garbage": {"app/Cargo.lock": b"{{"},
    "jar that is no archive": {"opt/x.jar": b"no archive at all"},
    "jar that nobody knows": {"opt/x.jar": _jar("a.class", b"x")},
    "jar in jar 50 deep": {"opt/x.jar": _nested_jar(50)},
    "SBOM of garbage": {"opt/bitnami/x/.spdx-x.spdx": b"{"},
    "dpkg database with garbage at its end": {_STATUS_PATH: _STATUS + b"\n" + _GARBAGE},
    "dpkg package of an impossible version": {
        _STATUS_PATH: _STATUS
        + b"\nPackage: x\nStatus: install ok installed\nVersion: !\nArchitecture: amd64\n"
    },
    "rpm database beside dpkg, garbage": {"var/lib/rpm/rpmdb.sqlite": _GARBAGE},
}

COVERAGE = (
    Hostile(name="nothing wrong", put=image(tar(DEBIAN)), verdict="healthy"),
    Hostile(name="a vulnerable package", put=image(tar(DEBIAN), tar(LODASH)), verdict="unhealthy"),
    *(
        Hostile(
            name=name,
            ids=_kinds(name),
            put=image(tar(DEBIAN | files)),
            verdict="unknown(incomplete-analysis)",
        )
        for name, files in _UNREADABLE.items()
    ),
    *(
        Hostile(
            name=f"{name}, and a vulnerable package",
            ids=_kinds(name),
            put=image(tar(DEBIAN | files | LODASH)),
            verdict="unhealthy",
        )
        for name, files in list(_UNREADABLE.items())[:1]
    ),
    Hostile(
        name="unknown distribution",
        ids=("B64", "S3"),
        put=image(
            tar(
                {
                    "etc/os-release": _os_release("foobar", "1"),
                    _STATUS_PATH: _STATUS,
                }
            )
        ),
        verdict="unknown(unsupported-os)",
    ),
    Hostile(
        name="distroless without a distribution",
        ids=("B64",),
        put=image(tar({"usr/bin/app": b"#!", **LODASH}).replace(b"4.17.4", b"4.18.1")),
        verdict="unknown(unsupported-os)",
    ),
    Hostile(
        name="no package database",
        ids=("B64",),
        put=image(tar(_WITHOUT_STATUS)),
        verdict="unknown(no-packages)",
    ),
    Hostile(
        name="Windows",
        ids=("S2",),
        put=image(tar({"Files/Windows/System32/ntdll.dll": b"MZ"}), os="windows"),
        verdict="unknown(unsupported-os)",
    ),
    Hostile(
        name="end of life",
        ids=("S7",),
        put=image(tar(_debian("9"))),
        verdict="unknown(end-of-life-os)",
    ),
    *(
        Hostile(
            name=f"release without advisories: debian {version}",
            ids=("S6",),
            put=image(tar(_debian(version))),
            verdict="unknown(no-advisories)",
        )
        for version in ("99", "12foo", "trixie/sid")
    ),
    Hostile(
        name="release without advisories: alpine 3.99",
        ids=("S6",),
        put=image(tar(_alpine("3.99.0", _MUSL))),
        verdict="unknown(no-advisories)",
    ),
    *(
        Hostile(
            name=f"release that Trivy knows, and of which these advisories know nothing: {name}",
            ids=("S6",),
            put=image(tar(files)),
            verdict="unknown(no-advisories)",
        )
        for name, files in {
            "debian 13": _debian("13"),
            "alpine 3.22": _alpine("3.22.0", _MUSL),
        }.items()
    ),
    Hostile(
        name="language of which these advisories know nothing",
        ids=("S6",),
        put=image(tar(DEBIAN | _GEM)),
        verdict="unknown(no-advisories)",
    ),
    Hostile(
        name="packages said to be rebuilt by a supplier of their own advisories",
        ids=("S6",),
        put=image(tar(DEBIAN | _CURATED)),
        verdict="unknown(no-advisories)",
    ),
    Hostile(
        name="dpkg database a hard link",
        ids=("S4",),
        put=image(
            _without_status(Entry(name=_STATUS_PATH, kind=tarfile.LNKTYPE, link="hidden/status"))
        ),
        verdict="unknown(no-packages)",
    ),
    Hostile(
        name="dpkg database a symbolic link",
        ids=("S4",),
        put=image(
            _without_status(Entry(name=_STATUS_PATH, kind=tarfile.SYMTYPE, link="/hidden/status"))
        ),
        verdict="unknown(no-packages)",
    ),
    Hostile(
        name="dpkg database a directory",
        ids=("S4",),
        put=image(_without_status(Entry(name=_STATUS_PATH, kind=tarfile.DIRTYPE))),
        verdict="unknown(no-packages)",
    ),
    *(
        Hostile(
            name=f"{kind} database of garbage",
            ids=("B69", "S5"),
            put=image(tar(files)),
            verdict="unknown(no-packages)",
        )
        for kind, files in {
            "dpkg": _WITHOUT_STATUS | {_STATUS_PATH: _GARBAGE},
            "apk": _alpine("3.22.0", _GARBAGE),
            "rpm sqlite": _REDHAT | {"var/lib/rpm/rpmdb.sqlite": _GARBAGE},
            "rpm sqlite, with the right magic,": _REDHAT
            | {"var/lib/rpm/rpmdb.sqlite": b"SQLite format 3\0" + _GARBAGE},
            "rpm Berkeley": _REDHAT | {"var/lib/rpm/Packages": _GARBAGE},
            "rpm NDB": _REDHAT | {"var/lib/rpm/Packages.db": _GARBAGE},
        }.items()
    ),
    *(
        Hostile(
            name=f"dpkg database emptied by {whiteout}",
            ids=("B65",),
            put=image(tar(DEBIAN), tar({f"var/lib/dpkg/{whiteout}": b""})),
            verdict="unknown(no-packages)",
        )
        for whiteout in (".wh.status", ".wh..wh..opq", ".wh.", ".wh...")
    ),
    Hostile(
        name="dpkg database emptied by a file of no bytes",
        ids=("B65",),
        put=image(tar(DEBIAN), tar({_STATUS_PATH: b""})),
        verdict="unknown(no-packages)",
    ),
    Hostile(
        name="a whiteout cannot hide what a later layer brings back",
        ids=("B65",),
        put=image(tar(DEBIAN), tar({"app/.wh.node_modules": b""}), tar(LODASH)),
        verdict="unhealthy",
    ),
    Hostile(
        name="language packages said to be dpkg's own",
        ids=("S9",),
        put=image(
            _beside_debian(
                **LODASH,
                **{
                    "var/lib/dpkg/info/bash.list": b"/.\n/app\n/app/node_modules/lodash\n"
                    b"/app/node_modules/lodash/package.json\n"
                },
            )
        ),
        verdict="unhealthy",
    ),
    *(
        Hostile(
            name=f"{name} at the root and where the scanner works",
            ids=("B70",),
            put=image(tar(DEBIAN | LODASH | {name: ignoring, f"tmp/{name}": ignoring})),
            verdict="unhealthy",
        )
        for name, ignoring in {
            ".trivyignore": b"CVE-2019-10744\nCVE-2018-16487\nCVE-2020-8203\nCVE-2021-23337\n",
            ".trivyignore.yaml": b"vulnerabilities:\n  - id: CVE-2019-10744\n",
            "trivy.yaml": b"severity: [LOW]\nscan:\n  skip-dirs: [app]\n",
        }.items()
    ),
    Hostile(
        name="program of garbage headers",
        ids=("B69", "S8"),
        put=image(_beside_debian(**{"usr/bin/x": _EMPTY_ELF})),
        verdict="healthy",
    ),
)
