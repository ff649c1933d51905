"""In which source of the advisory database Trivy looks a package up; one that is absent is silent.

A source is a root bucket of `trivy.db`. For an operating system Trivy opens the bucket of one exact
name, and takes a missing one for "no vulnerabilities". Which release it asks for is in Trivy's
`pkg/detector/ospkg/*/`, what the bucket is called in trivy-db's `pkg/vulnsrc/bucket/bucket.go`.
For a language it asks every bucket whose name begins with the ecosystem and `::`; which package
types are of which ecosystem is in Trivy's `pkg/detector/library/driver.go`. All as of Trivy 0.76.
"""

from collections.abc import Callable, Iterable
from typing import Final

from scanner.model import OperatingSystem

_ALL_RELEASES: Final = ""


def _major(release: str) -> str:
    return release.split(".", maxsplit=1)[0]


def _minor(release: str) -> str:
    return ".".join(release.split(".")[:2])


def _amazon(release: str) -> str:
    first = _major((release.split() or [""])[0])
    return first if first in {"2", "2022", "2023"} else "1"


def _ubuntu(release: str) -> str:
    """Trivy knows these releases under extended maintenance; for any other it drops the suffix."""
    extended = {"12.04-ESM", "14.04-ESM", "16.04-ESM", "18.04-ESM", "20.04-ESM"}
    return release if release in extended else release.removesuffix("-ESM")


def _whole(release: str) -> str:
    return release


def _none(_: str) -> str:
    return _ALL_RELEASES


_SYSTEMS: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "alma": ("alma", _major),
    "alpine": ("alpine", _minor),
    "amazon": ("amazon linux", _amazon),
    "azurelinux": ("Azure Linux", _minor),
    "bottlerocket": ("bottlerocket", _none),
    "cbl-mariner": ("CBL-Mariner", _minor),
    "centos": ("Red Hat", _none),
    "chainguard": ("chainguard", _none),
    "debian": ("debian", _major),
    "echo": ("echo", _none),
    "minimos": ("minimos", _none),
    "opensuse-leap": ("openSUSE Leap", _whole),
    "opensuse-tumbleweed": ("openSUSE Tumbleweed", _none),
    "oracle": ("Oracle Linux", _major),
    "photon": ("Photon OS", _whole),
    "redhat": ("Red Hat", _none),
    "rocky": ("rocky", _major),
    "slem": ("SUSE Linux Enterprise Micro", _whole),
    "sles": ("SUSE Linux Enterprise", _whole),
    "ubuntu": ("ubuntu", _ubuntu),
    "wolfi": ("wolfi", _none),
}
_PACKAGE_TYPES: Final = {
    "bitnami": ("bitnami",),
    "cargo": ("cargo", "rustbinary"),
    "cocoapods": ("cocoapods",),
    "composer": ("composer", "composer-vendor"),
    "conan": ("conan",),
    "erlang": ("hex",),
    "go": ("gobinary", "gomod"),
    "julia": ("julia",),
    "k8s": ("kubernetes",),
    "maven": ("gradle", "jar", "pom", "sbt"),
    "npm": ("bun", "javascript", "node-pkg", "npm", "pnpm", "yarn"),
    "nuget": ("dotnet-core", "nuget", "packages-props"),
    "pip": ("pip", "pipenv", "poetry", "pylock", "python-pkg", "uv"),
    "pub": ("pub",),
    "rubygems": ("bundler", "gemspec"),
    "swift": ("swift",),
}
_ECOSYSTEMS: Final = {kind: name for name, kinds in _PACKAGE_TYPES.items() for kind in kinds}
_NAMES: Final = frozenset(name for name, release in _SYSTEMS.values() if release is _none)
_BEGINNINGS: Final = tuple(f"{name}::" for name in _PACKAGE_TYPES) + tuple(
    f"{name} " for name, release in _SYSTEMS.values() if release is not _none
)


def is_supported(system: OperatingSystem) -> bool:
    """Whether Trivy both recognises the distribution and has advisories for it."""
    return system.family in _SYSTEMS


def is_source(bucket: str) -> bool:
    """Whether a root bucket of this name is one that packages are looked up in."""
    return bucket in _NAMES or bucket.startswith(_BEGINNINGS)


def source_of(system: OperatingSystem) -> str:
    """Name the only source for the packages of a supported system's release."""
    name, release = _SYSTEMS[system.family]
    return f"{name} {release(system.name)}".rstrip()


def has_ecosystem(package_type: str, sources: Iterable[str]) -> bool:
    """Whether any of the sources is for language packages of this type."""
    ecosystem = _ECOSYSTEMS.get(package_type)
    return ecosystem is not None and any(name.startswith(f"{ecosystem}::") for name in sources)


def distribution_of(family: str) -> str | None:
    """Name a distribution, as Trivy has it, by what its sources have in common."""
    return _SYSTEMS[family][0] if family in _SYSTEMS else None


def ecosystem_of(package_type: str) -> str | None:
    """Name the ecosystem of language packages of this type."""
    return _ECOSYSTEMS.get(package_type)


def family_of(bucket: str) -> str | None:
    """Name the distribution or ecosystem of a source, or None for another root bucket."""
    if bucket in _NAMES:
        return bucket
    # "SUSE Linux Enterprise Micro 5.1" begins with two of them.
    beginning = max((b for b in _BEGINNINGS if bucket.startswith(b)), key=len, default=None)
    return beginning.rstrip(": ") if beginning else None
