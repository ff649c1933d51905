"""Sample packages, layers and advisories, without network and without Trivy."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.samples import advisories
from local.samples.expected import EXPECTED
from local.samples.images import SAMPLES, VULNERABLE
from local.samples.layers import Compression, LayerWriter, whiteout, write_layer
from local.samples.packages import (
    PACKAGES,
    Ecosystem,
    Package,
    PackageCache,
    PackageUnavailableError,
)
from scanner import bolt
from scanner.model import Severity

_BUILT = datetime(2026, 11, 22, tzinfo=UTC)
# Port 1 on this machine: refused at once, so no test waits for a network that is not there.
_NOWHERE = "http://127.0.0.1:1"


def wheel(**files: bytes) -> bytes:
    """Return a zip archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def pinned(content: bytes, name: str = "thing-1.0.whl") -> Package:
    """Return a package whose digest is that of the content, at an address that nobody answers."""
    return Package(
        ecosystem=Ecosystem.PYPI,
        name="thing",
        version="1.0",
        url=f"{_NOWHERE}/{name}",
        digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
    )


def test_a_cached_package_is_used_without_network(tmp_path: Path) -> None:
    """A second set-up needs nobody."""
    content = wheel(module=b"x = 1")
    package = pinned(content)
    (tmp_path / package.file_name).write_bytes(content)
    assert PackageCache(tmp_path).files(package) == {"module": b"x = 1"}


def test_a_tampered_file_in_the_cache_is_refused(tmp_path: Path) -> None:
    """What is in the cache is verified each time, not only when it was downloaded."""
    package = pinned(wheel(module=b"x = 1"))
    (tmp_path / package.file_name).write_bytes(wheel(module=b"x = 2"))
    with pytest.raises(PackageUnavailableError, match=r"not the thing 1.0 that was pinned"):
        PackageCache(tmp_path).fetch(package)


def test_a_registry_out_of_reach_is_named(tmp_path: Path) -> None:
    """The message has the address, and nothing is left in the cache."""
    package = pinned(b"")
    with pytest.raises(PackageUnavailableError, match=r"cannot download http://127\.0\.0\.1:1/"):
        PackageCache(tmp_path / "cache").fetch(package)
    assert not (tmp_path / "cache").exists()


def test_every_package_is_pinned_by_a_digest_of_its_registry() -> None:
    """PyPI publishes sha256, npm sha512; all come over https."""
    for package in PACKAGES:
        algorithm, _, digest = package.digest.partition(":")
        assert (algorithm, len(digest)) == (
            ("sha256", 64) if package.ecosystem is Ecosystem.PYPI else ("sha512", 128)
        )
        assert package.url.startswith("https://")
        assert package.version in package.file_name


@pytest.mark.parametrize("compression", Compression)
def test_a_layer_has_the_same_bytes_each_time(tmp_path: Path, compression: Compression) -> None:
    """Neither the clock nor the order in which files are given leaves a trace."""
    one = write_layer(tmp_path / "one", {"b/c": b"1", "a": b"2"}, compression)
    other = write_layer(tmp_path / "other", {"a": b"2", "b/c": b"1"}, compression)
    assert one == other
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_layer_s_digests_are_those_of_the_file_and_of_the_tar(tmp_path: Path) -> None:
    """The digest is of what is stored, the diff_id of what it unpacks to."""
    path = tmp_path / "layer"
    layer = write_layer(path, {"etc/motd": b"hello"}, Compression.GZIP)
    stored = path.read_bytes()
    assert stored[4:8] == bytes(4), "RFC 1952: MTIME zero means that no time is known"
    assert layer.digest == f"sha256:{hashlib.sha256(stored).hexdigest()}"
    assert layer.diff_id == f"sha256:{hashlib.sha256(gzip.decompress(stored)).hexdigest()}"
    assert layer.size == len(stored)


def test_a_layer_names_each_folder_once_and_above_its_files(tmp_path: Path) -> None:
    """Extractors make folders with the modes that the layer gives, so folders come first."""
    path = tmp_path / "layer"
    with LayerWriter(path, Compression.NONE) as writer:
        writer.add("usr/lib/a", b"1", mode=0o755)
        writer.add("usr/lib/b", b"2")
        writer.add_link("usr/c", "lib/a")
    with tarfile.open(path) as tar:
        entries = [(entry.name, entry.mode, entry.mtime, entry.uid) for entry in tar]
        assert tar.getmember("usr/c").linkname == "lib/a"
    assert entries == [
        ("usr", 0o755, 0, 0),
        ("usr/lib", 0o755, 0, 0),
        ("usr/lib/a", 0o755, 0, 0),
        ("usr/lib/b", 0o644, 0, 0),
        ("usr/c", 0o644, 0, 0),
    ]


def test_a_whiteout_stands_beside_what_it_deletes() -> None:
    """OCI image specification, "Whiteouts"."""
    assert whiteout("usr/src/app/lodash") == "usr/src/app/.wh.lodash"


def test_every_sample_has_an_expected_verdict() -> None:
    """The table and the recipes name the same samples."""
    assert set(EXPECTED) == set(SAMPLES)


def test_every_advisory_names_the_record_it_was_checked_against() -> None:
    """Nothing in the sample is from memory."""
    for advisory in advisories.load():
        assert advisory.vendor_id in advisory.verified
        assert advisory.id.startswith("CVE-")
        assert advisory.url.startswith("https://")


def test_the_sample_says_that_it_is_one(tmp_path: Path) -> None:
    """In the file that people read, and in the database that is made of it."""
    advisories.write_database(tmp_path, updated_at=_BUILT)
    label = bolt.read(tmp_path / "db" / "trivy.db")[b"pushscan-sample"]
    assert isinstance(label, dict)
    assert str(label[b"notice"]).startswith("b'A SAMPLE.")


def test_the_database_has_the_buckets_that_trivy_looks_up(tmp_path: Path) -> None:
    """Each advisory is below its ecosystem's bucket and its package, and has a description."""
    advisories.write_database(tmp_path, updated_at=_BUILT)
    tree = bolt.read(tmp_path / "db" / "trivy.db")
    npm, details = tree[b"npm::GitHub Security Advisory npm"], tree[b"vulnerability"]
    assert isinstance(npm, dict)
    assert isinstance(details, dict)
    lodash = npm[b"lodash"]
    assert isinstance(lodash, dict)
    match, detail = lodash[b"CVE-2019-10744"], details[b"CVE-2019-10744"]
    assert isinstance(match, bytes)
    assert isinstance(detail, bytes)
    assert json.loads(match) == {
        "PatchedVersions": ["4.17.12"],
        "VendorIDs": ["GHSA-jf85-cpcp-j695"],
        "VulnerableVersions": ["<4.17.12"],
    }
    assert json.loads(detail)["VendorSeverity"] == {"ghsa": 4, "nvd": 4}
    assert json.loads(detail)["CVSS"]["nvd"]["V2Score"] == 6.4
    assert json.loads(detail)["PublishedDate"] == "2019-07-26T00:15:11.217Z"


def test_the_database_s_age_is_the_one_given(tmp_path: Path) -> None:
    """Trivy's own file beside the database has schema 2 and the time with its zone."""
    advisories.write_database(tmp_path, updated_at=_BUILT)
    metadata = json.loads((tmp_path / "db" / "metadata.json").read_text())
    assert metadata == {
        "Version": 2,
        "UpdatedAt": "2026-11-22T00:00:00+00:00",
        "DownloadedAt": "2026-11-22T00:00:00+00:00",
        "NextUpdate": "2026-11-23T00:00:00+00:00",
    }


def test_installing_the_sample_again_renews_its_age(tmp_path: Path) -> None:
    """Set-up may run every day on one machine."""
    advisories.install_sample(tmp_path, updated_at=_BUILT)
    later = _BUILT.replace(day=23)
    installed = advisories.install_sample(tmp_path, updated_at=later)
    assert installed.updated_at == later
    assert installed.is_sample


def test_every_expected_finding_has_its_advisory() -> None:
    """The table claims nothing that the database does not know, for packages that are installed."""
    known = {
        (advisory.id, ", ".join(advisory.patched), Severity[advisory.severity])
        for advisory in advisories.load()
    }
    findings = {finding for expected in EXPECTED.values() for finding in expected.findings}
    assert {(f.vulnerability, f.fixed, f.severity) for f in findings} == known
    installed = {(package.name, package.version) for package in VULNERABLE}
    assert {(f.package, f.installed) for f in findings} - installed == {
        ("libc6", "2.36-9+deb12u3"),
        ("org.apache.logging.log4j:log4j-core", "2.14.1"),
    }
