"""A tiny image with known vulnerabilities: a database that does not find them is not used."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Final

from scanner.errors import AdvisoriesError
from scanner.model import ScanReport, Unexaminable

# One from each of two ecosystems, both published for years and by GitHub's advisory database.
KNOWN: Final = {
    ("lodash", "CVE-2019-10744"),  # prototype pollution, fixed in 4.17.12: GHSA-jf85-cpcp-j695
    ("jinja2", "CVE-2019-10906"),  # sandbox escape, fixed in 2.10.1: GHSA-462w-v97r-4m45
}
_FILES = {
    "app/node_modules/lodash/package.json": b'{"name":"lodash","version":"4.17.4"}',
    "app/site-packages/Jinja2-2.10.dist-info/METADATA": (
        b"Metadata-Version: 2.1\nName: Jinja2\nVersion: 2.10\n"
    ),
}
_OCI = "application/vnd.oci.image"


def write_canary(path: Path) -> None:
    """Write the canary as an OCI layout into a new directory."""
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def store(blob: bytes, media_type: str) -> dict[str, str | int]:
        hexadecimal = hashlib.sha256(blob).hexdigest()
        (blobs / hexadecimal).write_bytes(blob)
        return {"mediaType": media_type, "digest": f"sha256:{hexadecimal}", "size": len(blob)}

    layer = store(_layer(), f"{_OCI}.layer.v1.tar")
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "config": store(json.dumps(config).encode(), f"{_OCI}.config.v1+json"),
        "layers": [layer],
    }
    stored = store(json.dumps(manifest).encode(), f"{_OCI}.manifest.v1+json")
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [stored]}))
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def require_known(seen: ScanReport | Unexaminable) -> None:
    """Check that every known vulnerability was found. Raises AdvisoriesError when one was not."""
    if isinstance(seen, Unexaminable):
        raise AdvisoriesError(f"the canary could not be examined: {seen.reason}: {seen.detail}")
    found = {(finding.package.lower(), finding.vulnerability) for finding in seen.findings}
    if missed := sorted(KNOWN - found):
        raise AdvisoriesError(
            "the database misses what it must know: "
            + ", ".join(f"{vulnerability} in {package}" for package, vulnerability in missed)
        )


def _layer() -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for name, content in _FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return layer.getvalue()
