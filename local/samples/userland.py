"""A real Debian userland as an image, where this machine can fetch one: apt and dpkg do the work.

The other samples carry Debian's package database alone. This one has the files too, in the state
that the machine's own apt sources offer, so its digest is not pinned.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from local.samples.images import Kind, SampleImage, assemble
from local.samples.layers import Compression, Layer, LayerWriter
from local.samples.layout import Descriptor, LayoutWriter

PACKAGES: Final = ("base-files", "dash", "libc6", "sed", "tar", "zlib1g")
_PROGRAMS: Final = ("apt-get", "dpkg-deb")
_TIMEOUT_SECONDS: Final = 120.0
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_SIMPLE_FIELDS: Final = ("Package", "Source", "Version", "Architecture", "Priority", "Section")


class UserlandUnavailableError(Exception):
    """Raised when this machine cannot fetch Debian packages; says why."""


def build_userland(into: Path, cache: Path) -> SampleImage:
    """Build `into/userland` from real packages, downloaded to a folder once.

    Raises:
        UserlandUnavailableError: There is no apt here, or it cannot reach its sources.
    """
    for program in _PROGRAMS:
        if not shutil.which(program, path=_PATH):
            raise UserlandUnavailableError(f"{program} is not on this machine")
    archives = [_archive(package, cache.resolve()) for package in PACKAGES]

    def add(layout: LayoutWriter) -> Descriptor:
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            for archive in archives:
                _run(["dpkg-deb", "--extract", str(archive), str(root)])
            status = root / "var/lib/dpkg/status"
            status.parent.mkdir(parents=True, exist_ok=True)
            status.write_text("\n".join(_stanza(archive) for archive in archives))
            return layout.add_image([_add_tree(layout, root)])

    return assemble("userland", into, Kind.IMAGE, add)


def _archive(package: str, cache: Path) -> Path:
    """Return the package's file, downloaded unless it is there. apt checks the signed index."""
    if found := sorted(cache.glob(f"{package}_*.deb")):
        return found[-1]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        _run(["apt-get", "download", package], folder=Path(scratch))
        downloaded = next(Path(scratch).glob("*.deb"), None)
        if downloaded is None:
            raise UserlandUnavailableError(f"apt-get downloaded no {package}")
        return downloaded.replace(cache / downloaded.name)


def _stanza(archive: Path) -> str:
    fields = _run(["dpkg-deb", "--field", str(archive), *_SIMPLE_FIELDS])
    return f"{fields.strip()}\nStatus: install ok installed\n"


def _add_tree(layout: LayoutWriter, root: Path) -> Layer:
    with LayerWriter(layout.layer_path(), Compression.GZIP) as writer:
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if path.is_symlink():
                writer.add_link(name, str(path.readlink()))
            elif path.is_file():
                writer.add(name, path.read_bytes(), mode=path.stat().st_mode & 0o777)
    return layout.store_layer(writer.layer)


def _run(command: Sequence[str], *, folder: Path = Path("/")) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - apt and dpkg, with the package names above
            command,
            cwd=folder,
            env={"PATH": _PATH, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        message = error.stderr.strip()[-500:]
        raise UserlandUnavailableError(f"{command[0]} failed: {message}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserlandUnavailableError(f"{command[0]} failed: {error}") from error
    return done.stdout
