"""Which files Trivy reads packages from, by their names.

Source: Trivy 0.76, `pkg/fanal/analyzer/**`, the methods `Required` of the analysers that
`trivy image` has switched on (`pkg/fanal/analyzer/const.go`, `pkg/commands/artifact/run.go`).
Executables (of Go and Rust) are read wherever they are, and are not known by a name.
"""

import re
from typing import Final

PACKAGE_DATABASES: Final = (
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "var/lib/dpkg/status",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/share/rpm/rpmdb.sqlite",
    "var/lib/rpmmanifest/container-manifest-2",
)
"""Where the distributions keep what is installed."""
_DATABASES = frozenset(PACKAGE_DATABASES)
_BY_NAME = re.compile(
    r"""
      (?P<dpkg>      ^var/lib/dpkg/status\.d/[^/]+$ )
    | (?P<sbom>      \.(?:spdx|cdx)(?:\.json)?$ )
    | (?P<python>    \.dist-info/METADATA$ | (?:EGG-INFO|\.egg-info)/PKG-INFO$ | \.egg-info$ )
    | (?P<egg>       \.egg$ )
    | (?P<npm>       (?:^|/)package\.json$ )
    | (?P<gem>       /specifications/.+\.gemspec$ )
    | (?P<java>      \.(?i:jar|war|ear|par)$ )
    | (?P<conda>     /envs/.+/conda-meta/.+-.+-.+\.json$ )
    | (?P<composer>  (?:^|/)installed\.json$ )
    | (?P<nuget>     (?:^|/)packages\.(?:lock\.json|config)$ | (?i:packages\.props)$ )
    | (?P<dotnet>    \.deps\.json$ )
    | (?P<cargo>     (?:^|/)Cargo\.lock$ )
    | (?P<julia>     (?:^|/)Manifest\.toml$ )
    """,
    re.VERBOSE,
)
_PACKAGE_DIRECTORY = re.compile(
    r"(?:\.dist-info|\.egg-info|EGG-INFO|/specifications|/conda-meta|/envs)$"
)


def reader_of(path: str) -> str | None:
    """Name what reads packages from a file at this path, or None for what nobody reads."""
    if path in _DATABASES:
        return "database"
    match = _BY_NAME.search(path)
    return match.lastgroup if match else None


def is_package_directory(path: str) -> bool:
    """Say whether files are read because they lie in a directory of such a name."""
    return _PACKAGE_DIRECTORY.search(path) is not None
