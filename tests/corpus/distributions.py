"""What names a distribution, and what lists its packages: one image for each kind.

Releases and packages are ones that exist; versions were read off the distributions' own indexes
where a fact needs one, and are otherwise plausible.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from local.samples.debian import base_files
from tests.corpus.image import Part
from tests.corpus.rpm import (
    RpmPackage,
    bdb_database,
    manifest,
    ndb_database,
    sqlite_database,
)

_DIGEST = hashlib.sha256(b"bash").hexdigest()


def _os(analyser: str, path: str, content: str, *facts: str) -> Part:
    return Part(analyser=analyser, files={path: content.encode()}, facts=frozenset(facts))


def release(family: str, version: str, path: str, content: str, *, analyser: str) -> Part:
    """Return a release file and the distribution that is to be read in it."""
    return _os(analyser, path, content, f"os {family} {version}")


def debian() -> tuple[Part, ...]:
    """Return dpkg's database in all its places, and what Trivy reads beside it."""
    base = base_files()
    available = f"Package: bash\nVersion: 5.2.15-2+b13\nSHA256: {_DIGEST}\n\n"
    copyright_file = "Format: https://www.debian.org/doc/\n\nFiles: *\nLicense: GPL-3+\n"
    return (
        release("debian", "12.15", "etc/debian_version", "12.15\n", analyser="debian"),
        Part(
            analyser="dpkg",
            files={
                "var/lib/dpkg/status": base["var/lib/dpkg/status"],
                "var/lib/dpkg/status.d/tzdata": b"Package: tzdata\nVersion: 2024a-0+deb12u1\n"
                b"Architecture: all\nMaintainer: GNU Libc Maintainers <l@example.com>\n",
                "var/lib/dpkg/available": available.encode(),
                "var/lib/dpkg/info/dash.md5sums": b"0123456789abcdef0123456789abcdef  bin/dash\n",
                "var/lib/dpkg/info/dash.list": b"/.\n/bin\n/bin/dash\n",
            },
            facts=frozenset(
                {
                    "dpkg: bash 5.2.15-2+b13",
                    "dpkg: zlib1g 1:1.2.13.dfsg-1",
                    "dpkg: tzdata 2024a-0+deb12u1",
                    "installed: dash /bin/dash",
                    f"digest: bash sha256:{_DIGEST}",
                }
            ),
        ),
        Part(
            analyser="dpkg-license",
            files={"usr/share/doc/bash/copyright": copyright_file.encode()},
            facts=frozenset({"licence: bash GPL-3.0-or-later"}),
        ),
    )


def ubuntu() -> Part:
    """Return a release of Ubuntu, beside which /etc/debian_version says something else."""
    lsb = 'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=18.04\nDISTRIB_DESCRIPTION="Ubuntu 18.04.6 LTS"\n'
    return release("ubuntu", "18.04", "etc/lsb-release", lsb, analyser="ubuntu")


def ubuntu_esm() -> Part:
    """Return the mark of extended maintenance, for a layer above the release.

    Within one layer Trivy 0.76 takes the version from whichever file it has read last, this one,
    lsb-release or debian_version (`OS.Merge` in `pkg/fanal/types/artifact.go`).
    """
    status = json.dumps({"services": [{"name": "esm-infra", "status": "enabled"}]})
    return _os("ubuntu-esm", "var/lib/ubuntu-advantage/status.json", status, "os extended")


UBUNTU_PACKAGES = {
    "etc/debian_version": b"buster/sid\n",
    "var/lib/dpkg/status": b"Package: bash\nStatus: install ok installed\nVersion: 4.4.18-2\n",
}


def rapidfort() -> Part:
    """Return the mark of a supplier that rebuilds packages; its content is not looked at."""
    return _os(
        "rapidfort-curated", "usr/share/rapidfort/curated.json", "{}", "os supplier rapidfort"
    )


def alpine() -> tuple[Part, ...]:
    """Return an Alpine whose repositories are those of a newer release."""
    installed = (
        "C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\n"
        "p:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl-x86_64.so.1\n\n"
        "P:busybox\nV:1.36.1-r29\nA:x86_64\nL:GPL-2.0-only\no:busybox\n"
        "D:so:libc.musl-x86_64.so.1\nF:bin\nR:busybox\n\n"
    )
    repositories = "".join(
        f"https://dl-cdn.alpinelinux.org/alpine/v3.21/{name}\n" for name in ("main", "community")
    )
    return (
        release("alpine", "3.20.3", "etc/alpine-release", "3.20.3\n", analyser="alpine"),
        Part(
            analyser="apk",
            files={"lib/apk/db/installed": installed.encode()},
            facts=frozenset(
                {
                    "apk: musl 1.2.5-r0",
                    "apk: busybox 1.36.1-r29",
                    "installed: busybox bin/busybox",
                }
            ),
        ),
        # Only advisories of the repositories' release know this vulnerability.
        _os("apk-repo", "etc/apk/repositories", repositories, "finding: CVE-2026-0321 busybox"),
    )


def rpm(packages: Sequence[RpmPackage], *, database: str) -> Part:
    """Return a package database of one of rpm's three kinds."""
    files = {
        "sqlite": lambda: {"var/lib/rpm/rpmdb.sqlite": sqlite_database(packages)},
        "ndb": lambda: {"usr/lib/sysimage/rpm/Packages.db": ndb_database(packages)},
        "bdb": lambda: {"var/lib/rpm/Packages": bdb_database(packages)},
    }[database]()
    facts = frozenset(f"rpm: {package.fact}" for package in packages)
    return Part(analyser="rpm", files=files, facts=facts)


def red_hat_build() -> tuple[Part, ...]:
    """Return what Red Hat's build system leaves in an image."""
    dockerfile = (
        "FROM scratch\n"
        'LABEL com.redhat.component="ubi9-container" architecture="x86_64" version="9.4"\n'
    )
    return (
        Part(
            analyser="redhat-content-manifest",
            files={
                "root/buildinfo/content_manifests/ubi9-container-9.4-1.json": json.dumps(
                    {"content_sets": ["rhel-9-for-x86_64-baseos-rpms"]}
                ).encode()
            },
            facts=frozenset(
                {
                    "content set: openssl rhel-9-for-x86_64-baseos-rpms",
                    "finding: CVE-2026-0091 openssl",
                }
            ),
        ),
        Part(
            analyser="redhat-dockerfile",
            files={"root/buildinfo/Dockerfile-ubi9-9.4-1": dockerfile.encode()},
            facts=frozenset(
                {
                    "build: glibc ubi9-container-9.4-1 x86_64",
                    "finding: CVE-2026-0092 glibc",
                }
            ),
        ),
    )


def bottlerocket() -> tuple[Part, ...]:
    """Return Bottlerocket, which has a list in place of a database."""
    package = {"Name": "containerd", "Version": "1.7.20", "Release": "1", "Epoch": "0"}
    rest = {"Publisher": "Bottlerocket", "Architecture": "x86_64", "ApplicationType": "x"}
    installed = {"InstalledTime": "2026-01-01T00:00:00Z"}
    folder = "x86_64-bottlerocket-linux-gnu/sys-root/usr/share/bottlerocket"
    return (
        _os(
            "os-release",
            "etc/os-release",
            "NAME=Bottlerocket\nID=bottlerocket\nVERSION_ID=1.22.0\n",
            "os bottlerocket 1.22.0",
        ),
        Part(
            analyser="bottlerocket-inventory",
            files={
                f"{folder}/application-inventory.json": json.dumps(
                    {"Content": [package | rest | installed]}
                ).encode()
            },
            facts=frozenset({"bottlerocket-inventory: containerd 1.7.20-1"}),
        ),
    )


def mariner() -> tuple[Part, ...]:
    """Return CBL-Mariner without rpm."""
    packages = [
        RpmPackage(name="openssl", version="1.1.1k", release="28.cm2", vendor="Microsoft"),
        RpmPackage(name="zlib", version="1.2.13", release="1.cm2", vendor="Microsoft", epoch=1),
    ]
    return (
        _os(
            "os-release",
            "etc/os-release",
            'NAME="Common Base Linux Mariner"\nID=mariner\nVERSION_ID="2.0"\n',
            "os cbl-mariner 2.0",
        ),
        Part(
            analyser="rpmqa",
            files={"var/lib/rpmmanifest/container-manifest-2": manifest(packages)},
            facts=frozenset(f"rpmqa: {package.fact}" for package in packages),
        ),
    )


RED_HAT_RELEASES: Mapping[str, tuple[str, str, str, str]] = {
    "centos": ("etc/centos-release", "CentOS Linux release 8.4.2105\n", "8.4.2105", "CentOS"),
    "rocky": ("etc/rocky-release", "Rocky Linux release 9.4 (Blue Onyx)\n", "9.4", "Rocky"),
    "alma": ("etc/almalinux-release", "AlmaLinux release 9.4 (Seafoam)\n", "9.4", "AlmaLinux"),
    "fedora": ("etc/fedora-release", "Fedora release 41 (Forty One)\n", "41", "Fedora Project"),
    "oracle": ("etc/oracle-release", "Oracle Linux Server release 9.4\n", "9.4", "Oracle America"),
    "redhat": ("etc/redhat-release", "Red Hat Enterprise Linux release 9.4\n", "9.4", "Red Hat"),
    "amazon": (
        "usr/lib/system-release",
        "Amazon Linux release 2023.5.20240819 (Amazon Linux)\n",
        "2023.5.20240819 (Amazon Linux)",
        "Amazon Linux",
    ),
}
"""By analyser: the file, its text, the version in it, and who signs its packages."""
