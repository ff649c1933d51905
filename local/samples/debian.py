"""The Debian part of a sample image: what makes a scanner recognise Debian 12 and its packages.

Package names, sources and versions are those of Debian 12.15 (bookworm and bookworm-security,
`Packages` indexes of deb.debian.org, read on 2026-11-22). The packages' own files are left out:
scanners read the package database only.
"""

from dataclasses import dataclass
from typing import Final

_OS_RELEASE: Final = b"""\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianPackage:
    """An installed binary package."""

    name: str
    version: str
    section: str
    priority: str = "required"
    source: str = ""
    """As dpkg writes it: empty when it is called as the package is."""


GLIBC_FIXED: Final = DebianPackage(
    name="libc6",
    version="2.36-9+deb12u14",
    section="libs",
    priority="optional",
    source="glibc",
)
GLIBC_VULNERABLE: Final = DebianPackage(
    name="libc6",
    version="2.36-9+deb12u3",  # one before DSA-5611-1 fixed it
    section="libs",
    priority="optional",
    source="glibc",
)
_PACKAGES: Final = (
    DebianPackage(name="base-files", version="12.4+deb12u15", section="admin"),
    DebianPackage(name="bash", version="5.2.15-2+b13", section="shells", source="bash (5.2.15-2)"),
    DebianPackage(name="coreutils", version="9.1-1", section="utils"),
    DebianPackage(name="dash", version="0.5.12-2", section="shells"),
    DebianPackage(name="debianutils", version="5.7-0.5~deb12u1", section="utils"),
    DebianPackage(name="dpkg", version="1.21.23", section="admin"),
    DebianPackage(name="gzip", version="1.12-1", section="utils"),
    DebianPackage(
        name="libgcc-s1",
        version="12.2.0-14+deb12u1",
        section="libs",
        priority="optional",
        source="gcc-12",
    ),
    DebianPackage(
        name="libssl3",
        version="3.0.22-1~deb12u2",
        section="libs",
        priority="optional",
        source="openssl",
    ),
    DebianPackage(name="perl-base", version="5.36.0-7+deb12u4", section="perl", source="perl"),
    DebianPackage(name="sed", version="4.9-1+deb12u1", section="utils"),
    DebianPackage(name="tar", version="1.34+dfsg-1.2+deb12u1", section="utils"),
    DebianPackage(
        name="zlib1g",
        version="1:1.2.13.dfsg-1",
        section="libs",
        priority="optional",
        source="zlib",
    ),
)


def base_files(
    *, libc: DebianPackage = GLIBC_FIXED, architecture: str = "amd64"
) -> dict[str, bytes]:
    """Return the files of a base layer, by path."""
    packages = sorted((*_PACKAGES, libc), key=lambda package: package.name)
    status = "\n".join(_stanza(package, architecture) for package in packages)
    return {
        "etc/debian_version": b"12.15\n",
        "etc/os-release": _OS_RELEASE,
        "usr/lib/os-release": _OS_RELEASE,
        "var/lib/dpkg/status": status.encode(),
    }


def _stanza(package: DebianPackage, architecture: str) -> str:
    source = f"Source: {package.source}\n" if package.source else ""
    return (
        f"Package: {package.name}\n"
        "Status: install ok installed\n"
        f"Priority: {package.priority}\n"
        f"Section: {package.section}\n"
        f"Architecture: {architecture}\n"
        f"{source}"
        f"Version: {package.version}\n"
    )
