"""Two thousand images as they are stored: a few bases that many share, an app layer of its own.

Bases and eight app layers are real archives that Trivy has analysed; the other app layers are those
with other names and versions in Trivy's record, which is what a match reads.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.rounds import MeasurementError
from bench.trivy_program import run_trivy
from local.samples.layers import Compression, write_layer
from scanner import bolt
from scanner.model import Advisories, Digest, ImageReference, LayeredImage, LayerInventory
from scanner.ports import ImageScanner
from scanner.trivy import argv
from scanner.trivy.layout import write_layout
from scanner.trivy.record import CACHE_FILE

IMAGES: Final = 2_000
PACKAGES: Final = 400
"""Of each image: 120 of Debian, 240 of npm, 40 of Python."""
BASES: Final = 4
TEMPLATES: Final = 8
RARE: Final = "rare-package"
"""In one app of twenty."""
REGISTRY: Final = "contoso.azurecr.io"

_BASE_PACKAGES: Final = 120
_FILES_OF_A_PACKAGE: Final = 30
_NODE_PACKAGES, _PYTHON_PACKAGES = 240, 40
_RARE_EVERY: Final = 20
_LAYERS_AT_ONCE: Final = 100
_CACHE_BYTES: Final = 64 << 20
_PLAIN_FILES: Final = 10
"""Beside the file that Trivy reads, of each package of an app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An image whose layers were analysed."""

    name: ImageReference
    layers: tuple[LayerInventory, LayerInventory]

    @property
    def layered(self) -> LayeredImage:
        """The image as it is matched."""
        return LayeredImage(layers=self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What the images are made of."""

    bases: Sequence[LayerInventory]
    apps: Sequence[LayerInventory]
    layouts: Sequence[Path]
    """Whole images: each app layer that is an archive, on one of the bases."""
    names: Sequence[tuple[Digest, str]]
    """Of each image's own layer: diff_id, and Trivy's key of it."""

    @classmethod
    def build(
        cls, home: Path, scanner: ImageScanner, advisories: Advisories, databases: Path
    ) -> "Fleet":
        """Write the archives and have them analysed. Raises MeasurementError."""
        home.mkdir(parents=True)
        files = [_base_files(number) for number in range(BASES)]
        files += [_app_files(number) for number in range(TEMPLATES)]
        found = []
        for number, content in enumerate(files):
            path = home / f"{number}.tar"
            layer = write_layer(path, content, Compression.NONE)
            seen = scanner.analyse(path, Digest(layer.diff_id), advisories=advisories)
            if not isinstance(seen, LayerInventory):
                raise MeasurementError(f"a layer was not analysed: {seen}")
            found.append((seen, path))
        bases, apps = found[:BASES], found[BASES:]
        layouts = []
        for number, app in enumerate(apps):
            archives = {seen.diff_id: path for seen, path in (bases[number % BASES], app)}
            layouts.append(home / f"image-{number}")
            write_layout(layouts[-1], diff_ids=[*archives], layers=archives)
        return cls(
            bases=[b for b, _ in bases],
            apps=[a for a, _ in apps],
            layouts=layouts,
            names=_names(home / "names", databases),
        )

    def images(self, count: int = IMAGES) -> Iterator[StoredImage]:
        """Yield the images; the same ones each time."""
        for number in range(count):
            app = _variant(self.apps[number % TEMPLATES], number, *self.names[number])
            base = self.bases[number % BASES]
            digest = Digest.of(f"image {number}".encode())
            repository = f"bench/app-{number % 100}"
            name = ImageReference(registry=REGISTRY, repository=repository, digest=digest)
            yield StoredImage(name=name, layers=(base, app))


def _variant(app: LayerInventory, number: int, diff_id: Digest, key: str) -> LayerInventory:
    """Give an app layer other versions, so that it is another one."""
    record = app.untrusted_record.decode().replace(str(app.diff_id), str(diff_id))
    record = record.replace("1.0.0", f"1.0.{number}")
    if number % _RARE_EVERY:
        record = record.replace(RARE, "frequent-package")
    return replace(app, diff_id=diff_id, key=key, untrusted_record=record.encode())


def _names(home: Path, databases: Path) -> Sequence[tuple[Digest, str]]:
    """Find out under which keys Trivy looks for so many layers: it analyses a file of each."""
    found: list[tuple[Digest, str]] = []
    for begin in range(0, IMAGES, _LAYERS_AT_ONCE):
        folder = home / str(begin)
        (folder / argv.CACHE).mkdir(parents=True)
        for name in ("db", "java-db"):
            (folder / argv.CACHE / name).symlink_to(databases / name)
        archives = {}
        for number in range(begin, min(begin + _LAYERS_AT_ONCE, IMAGES)):
            path = folder / f"{number}.tar"
            layer = write_layer(path, {"number": str(number).encode()}, Compression.NONE)
            archives[Digest(layer.diff_id)] = path
        write_layout(folder / argv.IMAGE, diff_ids=[*archives], layers=archives)
        run_trivy(argv.scan(backend="fs"), folder)
        blobs = bolt.read(folder / argv.CACHE / CACHE_FILE, max_bytes=_CACHE_BYTES)[b"blob"]
        if not isinstance(blobs, dict):
            raise MeasurementError("Trivy has left no records")
        keys = {
            Digest(json.loads(record)["DiffID"]): key.decode()
            for key, record in blobs.items()
            if isinstance(record, bytes)
        }
        found += ((diff_id, keys[diff_id]) for diff_id in archives)
    return found


def _base_files(number: int) -> Mapping[str, bytes]:
    files = {"etc/os-release": b'ID=debian\nVERSION_ID="12"\n', "etc/debian_version": b"12.9\n"}
    stanzas = []
    for package in range(_BASE_PACKAGES):
        name = f"library-{package}"
        stanzas.append(
            f"Package: {name}\nStatus: install ok installed\nMaintainer: x <x@example.com>\n"
            f"Architecture: amd64\nSource: source-{package // 2}\nVersion: 1.{number}.{package}-1\n"
            f"Description: x\n"
        )
        owned = [f"/usr/share/{name}/{file}" for file in range(_FILES_OF_A_PACKAGE)]
        files[f"var/lib/dpkg/info/{name}.list"] = "\n".join(owned).encode()
        files |= dict.fromkeys((path[1:] for path in owned), b"")
    files["var/lib/dpkg/status"] = "\n".join(stanzas).encode()
    return files


def _app_files(number: int) -> Mapping[str, bytes]:
    files = {}
    names = [f"module-{number}-{package}" for package in range(_NODE_PACKAGES - 1)]
    for name in (*names, RARE):
        folder = f"app/node_modules/{name}"
        document = {"name": name, "version": "1.0.0", "license": "MIT"}
        files[f"{folder}/package.json"] = json.dumps(document).encode()
        files |= dict.fromkeys((f"{folder}/{file}.js" for file in range(_PLAIN_FILES)), b"x")
    for package in range(_PYTHON_PACKAGES):
        name = f"wheel{number}x{package}"
        folder = f"usr/lib/python3/dist-packages/{name}"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\nLicense: MIT\n"
        files[f"{folder}-1.0.0.dist-info/METADATA"] = metadata.encode()
        files |= dict.fromkeys((f"{folder}/{file}.py" for file in range(_PLAIN_FILES)), b"x")
    return files
