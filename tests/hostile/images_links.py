"""Images in which a link, or a whiteout, stands where the scanner reads regular files only."""

import tarfile

from local.samples.debian import base_files
from tests.hostile.images import DEBIAN, LODASH, Entry, Hostile, image, tar

_STATUS_PATH = "var/lib/dpkg/status"
_STATUS = DEBIAN[_STATUS_PATH]
_WITHOUT_STATUS = {name: content for name, content in DEBIAN.items() if name != _STATUS_PATH}
_PACKAGE_PATH = "app/node_modules/lodash/package.json"
_PACKAGE = LODASH[_PACKAGE_PATH]
_ONE_PACKAGE = Entry(
    name="var/lib/dpkg/status.d/bash",
    content=b"Package: bash\nStatus: install ok installed\nVersion: 5\nArchitecture: amd64\n",
)
_HARMLESS = b'{"name":"harmless","version":"1.0.0"}'
_PROGRAM = Entry(name="srv/program", content=b"#!/bin/sh\n", mode=0o755)
_INCOMPLETE = "unknown(incomplete-analysis)"


def _hard(name: str, link: str, mode: int = 0o644) -> Entry:
    return Entry(name=name, kind=tarfile.LNKTYPE, link=link, mode=mode)


def _symbolic(name: str, link: str) -> Entry:
    return Entry(name=name, kind=tarfile.SYMTYPE, link=link, mode=0o777)


LINKS = (
    *(
        Hostile(
            name=f"npm package that is a {kind} link",
            ids=("B67",),
            put=image(tar(DEBIAN | {"srv/lodash.json": _PACKAGE}, link)),
            verdict=_INCOMPLETE,
        )
        for kind, link in {
            "hard": _hard(_PACKAGE_PATH, "srv/lodash.json"),
            "symbolic": _symbolic(_PACKAGE_PATH, "/srv/lodash.json"),
        }.items()
    ),
    Hostile(
        name="npm package that is a hard link to another one that is read",
        ids=("B67",),
        put=image(
            tar(DEBIAN | {"srv/package.json": _PACKAGE}, _hard(_PACKAGE_PATH, "srv/package.json"))
        ),
        verdict="unhealthy",
    ),
    Hostile(
        name="npm package that is a hard link to one that a later layer replaces",
        ids=("B67",),
        put=image(
            tar(DEBIAN | {"srv/package.json": _PACKAGE}, _hard(_PACKAGE_PATH, "srv/package.json")),
            tar({"srv/package.json": _HARMLESS}),
        ),
        verdict=_INCOMPLETE,
    ),
    Hostile(
        name="Python package in a directory that is a link",
        ids=("B67",),
        put=image(
            tar(
                DEBIAN | {"srv/x/METADATA": b"Metadata-Version: 2.1\nName: x\nVersion: 1\n\n"},
                _symbolic("usr/lib/python3/dist-packages/x-1.dist-info", "/srv/x"),
            )
        ),
        verdict=_INCOMPLETE,
    ),
    Hostile(
        name="program of which a later layer removes the name that was read",
        ids=("B67",),
        put=image(
            tar(base_files(), _PROGRAM, _hard("usr/bin/program", "srv/program", 0o755)),
            tar({"srv/.wh.program": b""}),
        ),
        verdict=_INCOMPLETE,
    ),
    Hostile(
        name="program of two names",
        ids=("B67",),
        put=image(tar(base_files(), _PROGRAM, _hard("usr/bin/program", "srv/program", 0o755))),
        verdict="healthy",
    ),
    Hostile(
        name="dpkg database a hard link, beside a small one that is none",
        ids=("S4",),
        put=image(
            tar(
                {**_WITHOUT_STATUS, "hidden/status": _STATUS},
                _ONE_PACKAGE,
                _hard(_STATUS_PATH, "hidden/status"),
            )
        ),
        verdict=_INCOMPLETE,
    ),
    Hostile(
        name="dpkg database moved away by a link to its directory in a later layer",
        ids=("S4",),
        put=image(
            tar(DEBIAN),
            tar({"hidden/status": _STATUS}, _symbolic("var/lib/dpkg", "/hidden")),
        ),
        verdict=_INCOMPLETE,
    ),
    Hostile(
        name="package file of a kind that nobody reads",
        ids=("B67",),
        put=image(tar(DEBIAN, Entry(name=_PACKAGE_PATH, kind=tarfile.CONTTYPE))),
        verdict=_INCOMPLETE,
    ),
    Hostile(
        name="everything deleted by an opaque root",
        ids=("B65",),
        put=image(tar(DEBIAN), tar({".wh..wh..opq": b"", "usr/bin/app": b"x"})),
        verdict=_INCOMPLETE,
    ),
)
