"""The real Trivy with the sample advisories, and layouts of a test's own for it."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.samples.advisories import write_database
from scanner.sandbox import Limits
from scanner.trivy import AdvisoryDirectory, TrivyScanner
from tests.image_samples import config_of, digest_of, manifest_of
from tests.sandbox_programs import bubblewrap_path, trivy_path


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> AdvisoryDirectory:
    """Install the sample advisories."""
    new = tmp_path_factory.mktemp("new")
    write_database(new, updated_at=datetime.now(UTC))
    directory = AdvisoryDirectory(tmp_path_factory.mktemp("advisories"))
    directory.install(new, source="bundled-sample")
    return directory


@pytest.fixture(scope="module")
def scanner(directory: AdvisoryDirectory, tmp_path_factory: pytest.TempPathFactory) -> TrivyScanner:
    """Return a scanner with the real programs."""
    return TrivyScanner(
        trivy=trivy_path(),
        bubblewrap=bubblewrap_path(),
        directory=directory,
        scratch=tmp_path_factory.mktemp("scratch"),
        limits=Limits(wall_seconds=60.0),
    )


WriteLayout = Callable[..., Path]


@pytest.fixture
def write_layout(tmp_path: Path) -> WriteLayout:
    """Write an OCI layout of plain layers, each perhaps damaged before it is packed."""

    def write(*layers: bytes, damage: Callable[[bytes], bytes] = bytes) -> Path:
        path = tmp_path / "layout"
        blobs = path / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        damaged = [damage(layer) for layer in layers]
        packed = [gzip.compress(layer) for layer in damaged]
        config = config_of(*damaged)
        manifest = json.dumps(manifest_of(config, *packed)).encode()
        for blob in (config, manifest, *packed):
            (blobs / digest_of(blob).removeprefix("sha256:")).write_bytes(blob)
        entry = {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest_of(manifest),
            "size": len(manifest),
        }
        (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        return path

    return write
