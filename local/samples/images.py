"""The sample images, by name."""

import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from local.samples import artifacts
from local.samples.debian import GLIBC_VULNERABLE, base_files
from local.samples.layers import Compression, whiteout
from local.samples.layout import DOCKER, OCI, Descriptor, ImageFormat, LayoutWriter
from local.samples.packages import (
    JINJA2_FIXED,
    JINJA2_VULNERABLE,
    LODASH_FIXED,
    LODASH_VULNERABLE,
    MINIMIST_FIXED,
    URLLIB3_FIXED,
    URLLIB3_VULNERABLE,
    Ecosystem,
    Package,
    PackageCache,
)
from scanner.model import Digest

_SITE_PACKAGES: Final = "usr/local/lib/python3.11/site-packages"
_NODE_MODULES: Final = "usr/src/app/node_modules"

FIXED: Final = (JINJA2_FIXED, URLLIB3_FIXED, LODASH_FIXED, MINIMIST_FIXED)
VULNERABLE: Final = (JINJA2_VULNERABLE, URLLIB3_VULNERABLE, LODASH_VULNERABLE, MINIMIST_FIXED)


class Kind(StrEnum):
    """What a sample's root manifest is."""

    IMAGE = "image"
    INDEX = "index"
    ARTIFACT = "artifact"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleImage:
    """A sample on disk, as an OCI layout whose index names one manifest or index."""

    name: str
    layout: Path
    digest: Digest
    media_type: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Sample:
    kind: Kind
    add: Callable[[LayoutWriter, PackageCache], Descriptor]


def build(name: str, into: Path, packages: PackageCache) -> SampleImage:
    """Build a sample as `into/<name>`; one that is already there is replaced.

    Raises:
        KeyError: There is no sample of that name.
        PackageUnavailableError: A package is neither in the cache nor to be had.
    """
    sample = SAMPLES[name]
    return assemble(name, into, sample.kind, lambda layout: sample.add(layout, packages))


def assemble(
    name: str, into: Path, kind: Kind, add: Callable[[LayoutWriter], Descriptor]
) -> SampleImage:
    """Let `add` fill a layout, and put it at `into/<name>` once it is complete."""
    into.mkdir(parents=True, exist_ok=True)
    target = into / name
    with tempfile.TemporaryDirectory(dir=into, prefix=f".{name}-") as scratch:
        layout = LayoutWriter(Path(scratch) / "layout")
        root = add(layout)
        layout.finish(root, name)
        shutil.rmtree(target, ignore_errors=True)
        layout.directory.rename(target)
    return SampleImage(
        name=name,
        layout=target,
        digest=Digest(root.digest),
        media_type=root.media_type,
        kind=kind,
    )


def install(packages: PackageCache, *wanted: Package) -> dict[str, bytes]:
    """Return the files of packages at the places where pip and npm put them."""
    files = {}
    for package in wanted:
        folder = (
            _SITE_PACKAGES
            if package.ecosystem is Ecosystem.PYPI
            else f"{_NODE_MODULES}/{package.name}"
        )
        for path, content in packages.files(package).items():
            files[f"{folder}/{path}"] = content
    return files


def _add_clean(
    layout: LayoutWriter,
    packages: PackageCache,
    *,
    compression: Compression = Compression.GZIP,
    image_format: ImageFormat = OCI,
) -> Descriptor:
    return layout.add_image(
        [
            layout.add_layer(base_files(), compression),
            layout.add_layer(install(packages, *FIXED), compression),
        ],
        image_format=image_format,
    )


def _add_vulnerable(
    layout: LayoutWriter, packages: PackageCache, *, architecture: str = "amd64"
) -> Descriptor:
    base = base_files(libc=GLIBC_VULNERABLE, architecture=architecture)
    return layout.add_image(
        [layout.add_layer(base), layout.add_layer(install(packages, *VULNERABLE))],
        architecture=architecture,
    )


def _add_multi_platform(layout: LayoutWriter, packages: PackageCache) -> Descriptor:
    amd64 = _add_clean(layout, packages)
    arm64 = _add_vulnerable(layout, packages, architecture="arm64")
    return layout.add_index(
        [
            {**amd64.to_json(), "platform": {"architecture": "amd64", "os": "linux"}},
            {**arm64.to_json(), "platform": {"architecture": "arm64", "os": "linux"}},
            artifacts.add_attestation(layout, amd64),
        ]
    )


def _add_whiteout(layout: LayoutWriter, packages: PackageCache) -> Descriptor:
    deleted = {whiteout(f"{_NODE_MODULES}/{LODASH_VULNERABLE.name}"): b""}
    return layout.add_image(
        [
            layout.add_layer(base_files()),
            layout.add_layer(
                install(packages, JINJA2_FIXED, URLLIB3_FIXED, LODASH_VULNERABLE, MINIMIST_FIXED)
            ),
            layout.add_layer(deleted),
        ]
    )


def _add_secret(layout: LayoutWriter, packages: PackageCache) -> Descriptor:
    # Put together here, so that no file of ours has a text that looks like a secret. It is none.
    token = "_".join(("ghp", "sample".ljust(36, "0")))
    return layout.add_image(
        [
            layout.add_layer(base_files()),
            layout.add_layer(
                install(packages, *FIXED) | {"srv/app/.npmrc": f"GITHUB_TOKEN={token}\n".encode()}
            ),
            layout.add_layer({whiteout("srv/app/.npmrc"): b""}),
        ]
    )


def _add_jar(layout: LayoutWriter, _packages: PackageCache) -> Descriptor:
    return layout.add_image(
        [
            layout.add_layer(base_files()),
            layout.add_layer({"opt/app/log4j-core-2.14.1.jar": _log4j_jar()}),
        ]
    )


def _log4j_jar() -> bytes:
    """Return a jar with the Maven coordinates of a vulnerable Log4j and none of its code."""
    jar = io.BytesIO()
    properties = zipfile.ZipInfo(
        "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties"
    )
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(
            properties, "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n"
        )
    return jar.getvalue()


def _about_clean(
    add: Callable[[LayoutWriter, Descriptor], Descriptor],
) -> Callable[[LayoutWriter, PackageCache], Descriptor]:
    """Return a recipe for an artefact whose subject is the clean image, which is not in it."""

    def recipe(layout: LayoutWriter, packages: PackageCache) -> Descriptor:
        with tempfile.TemporaryDirectory(dir=layout.directory.parent) as scratch:
            subject = _add_clean(LayoutWriter(Path(scratch) / "clean"), packages)
        return add(layout, subject)

    return recipe


SAMPLES: Final[Mapping[str, _Sample]] = {
    "clean": _Sample(Kind.IMAGE, _add_clean),
    "vulnerable": _Sample(Kind.IMAGE, _add_vulnerable),
    "multi-platform": _Sample(Kind.INDEX, _add_multi_platform),
    "signature": _Sample(Kind.ARTIFACT, _about_clean(artifacts.add_notation_signature)),
    "cosign": _Sample(Kind.ARTIFACT, _about_clean(artifacts.add_cosign_signature)),
    "sbom": _Sample(Kind.ARTIFACT, _about_clean(artifacts.add_sbom)),
    "helm": _Sample(Kind.ARTIFACT, lambda layout, _: artifacts.add_helm_chart(layout)),
    "zstd": _Sample(
        Kind.IMAGE,
        lambda layout, packages: _add_clean(layout, packages, compression=Compression.ZSTD),
    ),
    "plain": _Sample(
        Kind.IMAGE,
        lambda layout, packages: _add_clean(layout, packages, compression=Compression.NONE),
    ),
    "docker": _Sample(
        Kind.IMAGE, lambda layout, packages: _add_clean(layout, packages, image_format=DOCKER)
    ),
    "whiteout": _Sample(Kind.IMAGE, _add_whiteout),
    "secret": _Sample(Kind.IMAGE, _add_secret),
    "jar": _Sample(Kind.IMAGE, _add_jar),
    "no-os": _Sample(
        Kind.IMAGE,
        lambda layout, packages: layout.add_image([layout.add_layer(install(packages, *FIXED))]),
    ),
    "empty": _Sample(Kind.IMAGE, lambda layout, _: layout.add_image([])),
}
