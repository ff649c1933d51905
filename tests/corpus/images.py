"""The images of the corpus: one for each distribution, and one for all languages in layers."""

import json
from collections.abc import Mapping
from pathlib import Path

from local.samples.layers import Compression, whiteout
from tests.corpus import boms, distributions, executables, java, languages, secrets
from tests.corpus.image import CorpusImage, CorpusLayer, Part
from tests.corpus.rpm import RpmPackage

_DATABASES = ("sqlite", "ndb", "bdb")

NAMES = (
    *("languages", "layered", "secrets"),
    *distributions.RED_HAT_RELEASES,
    *("suse", "alpine", "bottlerocket", "mariner", "ubuntu", "rapidfort"),
)
"""Every image's name, to make tests of before any image is made."""


def images(*, trivy: Path, uvx: Path) -> Mapping[str, CorpusImage]:
    """Make all of them, by name.

    Args:
        trivy: A Go program whose build information is copied.
        uvx: A Rust program that is copied.
    """
    made = (
        _languages(trivy, uvx),
        _layered(),
        secrets.image(),
        *(
            _red_hat_like(number, name)
            for number, name in enumerate(distributions.RED_HAT_RELEASES)
        ),
        _suse(),
        _one_layer("alpine", *distributions.alpine()),
        _one_layer("bottlerocket", *distributions.bottlerocket()),
        _one_layer("mariner", *distributions.mariner()),
        _ubuntu("ubuntu", distributions.ubuntu_esm()),
        _ubuntu("rapidfort", distributions.rapidfort()),
    )
    return {image.name: image for image in made}


def _config() -> Part:
    """Return what is said of the config, which every image has."""
    return Part(
        analyser="image-config-secret",
        files={},
        facts=frozenset({"said: No secrets found in container image config"}),
    )


def _one_layer(name: str, *parts: Part) -> CorpusImage:
    return CorpusImage(name=name, layers=(CorpusLayer(parts=parts),))


def _languages(trivy: Path, uvx: Path) -> CorpusImage:
    """Make Debian with every language, its layers packed in each way."""
    programs = (executables.go_programs(trivy), executables.rust_programs(uvx))
    return CorpusImage(
        name="languages",
        layers=(
            CorpusLayer(parts=(*distributions.debian(), _config())),
            CorpusLayer(
                parts=(*languages.python(), languages.node()), compression=Compression.ZSTD
            ),
            CorpusLayer(
                parts=(
                    *languages.ruby_and_php(),
                    *languages.dotnet(),
                    *languages.rust_and_julia(),
                    boms.boms(),
                )
            ),
            CorpusLayer(parts=(java.archives(),), compression=Compression.NONE),
            CorpusLayer(parts=programs, compression=Compression.ZSTD),
        ),
    )


def _layered() -> CorpusImage:
    """Make an image whose upper layers take away, replace, and repeat what is below."""
    modules = "usr/src/app/node_modules"
    again = CorpusLayer(parts=languages.ruby_and_php())
    return CorpusImage(
        name="layered",
        layers=(
            CorpusLayer(parts=distributions.debian()),
            again,
            CorpusLayer(
                parts=(languages.node(),),
                files={
                    "opt/old/node_modules/deleted/package.json": _npm("deleted", "1.0.0"),
                    "opt/hidden/node_modules/a/package.json": _npm("hidden", "1.0.0"),
                    f"{modules}/upgraded/package.json": _npm("upgraded", "1.0.0"),
                },
            ),
            CorpusLayer(
                files={
                    whiteout("opt/old/node_modules/deleted"): b"",
                    "opt/hidden/.wh..wh..opq": b"",
                    "opt/hidden/node_modules/b/package.json": _npm("shown", "1.0.0"),
                    f"{modules}/upgraded/package.json": _npm("upgraded", "2.0.0"),
                },
                compression=Compression.ZSTD,
            ),
            again,
        ),
        absent=frozenset(
            {
                "node-pkg: deleted 1.0.0",
                "node-pkg: hidden 1.0.0",
                "node-pkg: upgraded 1.0.0",
            }
        ),
    )


def _npm(name: str, version: str) -> bytes:
    return json.dumps({"name": name, "version": version}).encode()


def _red_hat_like(number: int, analyser: str) -> CorpusImage:
    path, text, version, vendor = distributions.RED_HAT_RELEASES[analyser]
    packages = (
        RpmPackage(
            name="openssl",
            version="3.0.7",
            release="27.el9",
            vendor=vendor,
            epoch=1,
            files=("/usr/bin/openssl", "/usr/lib64/libssl.so.3"),
        ),
        # More than one page of a database.
        RpmPackage(
            name="glibc",
            version="2.34",
            release="100.el9",
            vendor=vendor,
            files=tuple(f"/usr/share/locale/{n}/LC_MESSAGES/libc.mo" for n in range(400)),
        ),
    )
    released = distributions.release(analyser, version, path, text, analyser=analyser)
    if analyser == "fedora":
        # Trivy has no advisories for it and then lists no packages either.
        return _one_layer(analyser, released)
    return _one_layer(
        analyser,
        released,
        distributions.rpm(packages, database=_DATABASES[number % len(_DATABASES)]),
        *(distributions.red_hat_build() if analyser == "redhat" else ()),
    )


def _suse() -> CorpusImage:
    packages = (
        RpmPackage(name="libzypp", version="17.31.2", release="150600.1", vendor="SUSE LLC"),
        RpmPackage(name="zlib", version="1.2.13", release="150500.4", vendor="SUSE LLC"),
    )
    text = 'NAME="SLES"\nID="sles"\nVERSION_ID="15.6"\n'
    return _one_layer(
        "suse",
        distributions.release("sles", "15.6", "etc/os-release", text, analyser="os-release"),
        distributions.rpm(packages, database="ndb"),
    )


def _ubuntu(name: str, above: Part) -> CorpusImage:
    base = CorpusLayer(parts=(distributions.ubuntu(),), files=distributions.UBUNTU_PACKAGES)
    return CorpusImage(name=name, layers=(base, CorpusLayer(parts=(above,))))
