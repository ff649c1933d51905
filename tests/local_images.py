"""Images as tools leave them on this machine."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from tests.image_samples import OCI_MANIFEST, config_of, descriptor, digest_of, manifest_of, tar_of

PLAIN = tar_of(etc=b"x" * 5000)
BLOB = gzip.compress(PLAIN, mtime=0)
CONFIG = config_of(PLAIN)
MANIFEST = json.dumps(manifest_of(CONFIG, BLOB)).encode()

Files = dict[str, bytes]


def blobs(*contents: bytes) -> Files:
    """Name blobs as a layout does."""
    return {f"blobs/sha256/{digest_of(c).removeprefix('sha256:')}": c for c in contents}


def index(*manifests: dict[str, Any]) -> bytes:
    """Write an index of manifests."""
    return json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()


def layout(**changed: bytes) -> Files:
    """Return the files of an OCI layout; `layer=...` and the like put in other bytes."""
    named = {"config": CONFIG, "layer": BLOB, "manifest": MANIFEST}
    files: Files = {"index.json": index(descriptor(MANIFEST, OCI_MANIFEST))}
    for name, content in named.items():
        [place] = blobs(content)
        files[place] = changed.get(name, content)
    return files


def saved(config: bytes = CONFIG, layer: bytes = PLAIN, **members: Any) -> Files:  # noqa: ANN401 - JSON
    """Return the files that an older `docker save` writes."""
    entry = {"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["a/layer.tar"]} | members
    return {"manifest.json": json.dumps([entry]).encode(), "c.json": config, "a/layer.tar": layer}


def in_folder(files: Files, path: Path) -> Path:
    """Write files into a folder."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def in_archive(files: Files, path: Path, links: dict[str, str] | None = None) -> Path:
    """Write files into an archive."""
    target = path / "image.tar"
    with tarfile.open(target, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, leads_to in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, leads_to
            archive.addfile(member)
    return target
