"""What the system-call filter could break in Trivy: the same report comes with it and without."""

import gzip
import io
import json
import sqlite3
import struct
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.samples.advisories import write_database
from scanner.model import ScanReport
from scanner.sandbox import Bubblewrap, Limits
from scanner.trivy import AdvisoryDirectory
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.whole_image import examine
from tests.image_samples import config_of, digest_of, manifest_of
from tests.sandbox_programs import bubblewrap_path, trivy_path, without_filter

pytestmark = pytest.mark.integration

_LIMITS = Limits(wall_seconds=60.0)
_OS = b'ID="rocky"\nVERSION_ID="9.4"\nNAME="Rocky Linux"\n'
_RPM_STRING = 6
_RPM = {1000: "openssl", 1001: "3.0.7", 1002: "27.el9", 1022: "x86_64", 1044: "openssl.src.rpm"}


def _rpm_database(folder: Path) -> bytes:
    """Return an rpm database of one package; its record is rpm's header format, version 3."""
    index, data = b"", b""
    for tag, text in _RPM.items():
        index += struct.pack(">IIII", tag, _RPM_STRING, len(data), 1)
        data += text.encode() + b"\0"
    record = struct.pack(">II", len(_RPM), len(data)) + index + data
    path = folder / "rpmdb.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
    connection.execute("INSERT INTO Packages VALUES (1, ?)", (record,))
    connection.commit()
    connection.close()
    return path.read_bytes()


def _jar() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "META-INF/maven/org.example/thing/pom.properties",
            "groupId=org.example\nartifactId=thing\nversion=1.0\n",
        )
    return buffer.getvalue()


def _layer(folder: Path) -> bytes:
    """Return a layer whose files are read from copies: by SQLite, and with their strange modes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content, mode in (
            ("etc/os-release", _OS, 0o644),
            ("var/lib/rpm/rpmdb.sqlite", _rpm_database(folder), 0o644),
            ("opt/plain.jar", _jar(), 0o755),
            ("opt/set-user.jar", _jar(), 0o6755),
            ("opt/closed.jar", _jar(), 0),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """Write the image as an OCI layout."""
    layer = _layer(tmp_path)
    packed, config = gzip.compress(layer), config_of(layer)
    manifest = json.dumps(manifest_of(config, packed)).encode()
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for blob in (config, manifest, packed):
        (blobs / digest_of(blob).removeprefix("sha256:")).write_bytes(blob)
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest_of(manifest),
        "size": len(manifest),
    }
    layout = tmp_path / "layout"
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return layout


def test_rpm_databases_and_jars_are_read_under_the_filter(layout: Path, tmp_path: Path) -> None:
    """Nothing of them is missing, whatever modes the image gave them."""
    new = tmp_path / "new"
    new.mkdir()
    write_database(new, updated_at=datetime.now(UTC))
    directory = AdvisoryDirectory(tmp_path / "advisories")
    directory.install(new, source="bundled-sample")
    _, databases = directory.current()
    filtered = Bubblewrap.probe(bubblewrap_path())
    binary = TrivyBinary.inspect(trivy_path(), filtered)
    with_filter, without = (
        examine(layout, binary, sandbox, databases, _LIMITS)
        for sandbox in (filtered, without_filter(filtered))
    )
    assert isinstance(with_filter, ScanReport), with_filter
    assert isinstance(without, ScanReport), without
    assert with_filter.package_groups == without.package_groups
    assert {group.package_type: group.package_count for group in with_filter.package_groups} == {
        "rocky": 1,
        "jar": 3,
    }
