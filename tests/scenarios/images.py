"""Images that tell the ways of judging apart: small, the same bytes each time.

Packages are named by their metadata alone, which is all that a scanner reads of them.
"""

from collections.abc import Mapping
from pathlib import Path

from local.samples.images import Kind, SampleImage, assemble
from local.samples.layers import whiteout
from local.samples.layout import Descriptor, LayoutWriter
from tests.corpus.image import CorpusImage, CorpusLayer
from tests.corpus.secrets import github_token

Files = Mapping[str, bytes]

_STATUS = "var/lib/dpkg/status"
_SYSTEM: Files = {
    "etc/os-release": b'ID=debian\nVERSION_ID="12"\n',
    "etc/debian_version": b"12.15\n",
}
BASE: Files = {
    **_SYSTEM,
    _STATUS: b"Package: base-files\nStatus: install ok installed\nVersion: 12.4+deb12u8\n"
    b"Architecture: amd64\nMaintainer: Debian\n\n",
}
UNSUPPORTED: Files = {"etc/os-release": b'ID=foobar\nVERSION_ID="1"\n', _STATUS: BASE[_STATUS]}
ENV_FILE = "app/.env"


def npm(name: str, version: str, folder: str = "app") -> Files:
    """Return a package as npm installs it."""
    path = f"{folder}/node_modules/{name}/package.json"
    return {path: f'{{"name":"{name}","version":"{version}"}}'.encode()}


def python(name: str, version: str) -> Files:
    """Return a package as pip installs it."""
    path = f"usr/lib/python3/dist-packages/{name}-{version}.dist-info/METADATA"
    return {path: f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()}


def secret() -> Files:
    """Return a file with a token that nobody has."""
    return {ENV_FILE: f"GITHUB_TOKEN={github_token()}\n".encode()}


def without(path: str) -> Files:
    """Return what deletes a file of a layer below."""
    return {whiteout(path): b""}


def image(name: str, *layers: Files) -> CorpusImage:
    """Return an image of these layers, bottom first."""
    return CorpusImage(name=name, layers=tuple(CorpusLayer(files=files) for files in layers))


def index(name: str, into: Path, *platforms: tuple[str, tuple[Files, ...]]) -> SampleImage:
    """Write the layout of an index: an architecture and the layers of each image."""

    def add(layout: LayoutWriter) -> Descriptor:
        return layout.add_index(
            [
                {
                    **layout.add_image(
                        [layout.add_layer(files) for files in layers], architecture=architecture
                    ).to_json(),
                    "platform": {"architecture": architecture, "os": "linux"},
                }
                for architecture, layers in platforms
            ]
        )

    return assemble(name, into, Kind.INDEX, add)
