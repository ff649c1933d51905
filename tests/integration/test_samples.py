"""Every sample, examined by the real Trivy with the sample advisories, is what it claims to be."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from local.samples.advisories import install_sample
from local.samples.big import build_big
from local.samples.expected import EXPECTED, ExpectedFinding
from local.samples.images import SAMPLES, Kind, SampleImage, build
from local.samples.layout import OCI_MANIFEST
from local.samples.packages import PackageCache
from local.samples.userland import PACKAGES as USERLAND_PACKAGES
from local.samples.userland import UserlandUnavailableError, build_userland
from scanner.model import Advisories, Digest, Severity, Status
from scanner.registry.artefacts import name_artefact
from scanner.registry.limits import Limits
from scanner.registry.manifests import ImageManifest, parse_manifest
from scanner.trivy.report import parse_report
from tests.integration.kept_packages import CACHE, packages
from tests.policies import default, verdict_on
from tests.sandbox_programs import trivy_path, unavailable

pytestmark = pytest.mark.integration
__all__ = ["packages"]

_NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_IMAGES = sorted(name for name, sample in SAMPLES.items() if sample.kind is Kind.IMAGE)
_ARTIFACTS = sorted(name for name, sample in SAMPLES.items() if sample.kind is Kind.ARTIFACT)


@dataclass(frozen=True, slots=True)
class Samples:
    """All samples, built once, and the advisories for them."""

    images: Mapping[str, SampleImage]
    advisories: Advisories
    databases: Path


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, packages: PackageCache) -> Samples:
    """Build everything in a folder of this run."""
    folder = tmp_path_factory.mktemp("samples")
    advisories = install_sample(folder / "advisories", updated_at=_NOW)
    return Samples(
        images={name: build(name, folder / "images", packages) for name in SAMPLES},
        advisories=advisories,
        databases=folder / "advisories" / advisories.digest.hex,
    )


def run_trivy(layout: Path, databases: Path) -> bytes:
    """Return Trivy's report on a layout, with no network wanted and no setting inherited."""
    flags = ["--skip-db-update", "--skip-java-db-update", "--skip-check-update"]
    flags += ["--skip-vex-repo-update", "--skip-version-check", "--disable-telemetry"]
    flags += ["--offline-scan", "--no-progress", "--cache-backend", "memory"]
    flags += ["--ignorefile", "", "--scanners", "vuln", "--format", "json"]
    done = subprocess.run(  # noqa: S603 - an argv of our own, no shell
        [
            trivy_path(),
            "--config",
            "",
            "--cache-dir",
            databases,
            "image",
            *flags,
            "--input",
            layout,
        ],
        cwd=databases,
        env={"HOME": str(databases), "TMPDIR": str(layout.parent)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def findings_in(report: bytes) -> list[ExpectedFinding]:
    """Return what Trivy found, as rows of the table; a list, so that nothing is counted twice."""
    return sorted(
        ExpectedFinding(
            found["VulnerabilityID"],
            found["PkgName"],
            found["InstalledVersion"],
            found["FixedVersion"],
            Severity[found["Severity"]],
        )
        for result in json.loads(report).get("Results", [])
        for found in result.get("Vulnerabilities", [])
    )


def blob(layout: Path, digest: str) -> Path:
    """Return where a layout keeps a blob."""
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def load(layout: Path, digest: str) -> Any:  # noqa: ANN401 - JSON
    """Return a manifest, index or config of a layout."""
    return json.loads(blob(layout, digest).read_bytes())


def children(sample: SampleImage) -> dict[str, str]:
    """Return the digests of an index's images, by architecture."""
    index = load(sample.layout, str(sample.digest))
    return {entry["platform"]["architecture"]: entry["digest"] for entry in index["manifests"]}


def narrowed(sample: SampleImage, digest: str, into: Path) -> Path:
    """Return a layout of one platform's image; of an index Trivy takes whatever is first."""
    shutil.copytree(sample.layout, into, copy_function=os.link)
    (into / "index.json").unlink()
    entry = {
        "mediaType": OCI_MANIFEST,
        "digest": digest,
        "size": blob(into, digest).stat().st_size,
    }
    (into / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return into


@pytest.mark.parametrize("name", _IMAGES)
def test_trivy_finds_exactly_what_the_table_says(samples: Samples, name: str) -> None:
    """CVE, package, installed version, fixed version and severity, each once."""
    report = run_trivy(samples.images[name].layout, samples.databases)
    assert findings_in(report) == sorted(EXPECTED[name].findings)


# An image without layers is refused before Trivy sees it.
@pytest.mark.parametrize("name", [name for name in _IMAGES if name not in {"empty", "secret"}])
def test_the_default_policy_gives_the_expected_verdict(samples: Samples, name: str) -> None:
    """The status and the reason that the table has, from Trivy's report of packages alone.

    What is in `secret` comes from another run of Trivy: `tests/e2e/test_samples.py` has it.
    """
    report = run_trivy(samples.images[name].layout, samples.databases)
    verdict = verdict_on(parse_report(report, b""), default(), samples.advisories, as_of=_NOW)
    assert (verdict.status, verdict.reason) == (EXPECTED[name].status, EXPECTED[name].reason)


def test_the_index_holds_a_clean_and_a_vulnerable_platform(
    samples: Samples, tmp_path: Path
) -> None:
    """The amd64 image is the clean one to the byte; the arm64 one has the findings."""
    index = samples.images["multi-platform"]
    platforms = children(index)
    assert platforms["amd64"] == str(samples.images["clean"].digest)
    arm64 = narrowed(index, platforms["arm64"], tmp_path / "arm64")
    found = findings_in(run_trivy(arm64, samples.databases))
    assert found == sorted(EXPECTED["multi-platform"].findings)
    assert set(platforms) == {"amd64", "arm64", "unknown"}


@pytest.mark.parametrize("name", _ARTIFACTS)
def test_an_artefact_is_named_for_what_it_is(samples: Samples, name: str) -> None:
    """The registry side reads it from the manifest that real clients push."""
    sample = samples.images[name]
    manifest = parse_manifest(blob(sample.layout, str(sample.digest)).read_bytes(), limits=Limits())
    assert isinstance(manifest, ImageManifest)
    assert EXPECTED[name].status is Status.NOT_APPLICABLE
    assert name_artefact(manifest).reason == EXPECTED[name].reason


@pytest.mark.parametrize("name", ["signature", "sbom"])
def test_a_referrer_s_subject_is_the_clean_image(samples: Samples, name: str) -> None:
    """OCI image specification 1.1, "Image Manifest", `subject`."""
    sample = samples.images[name]
    subject = load(sample.layout, str(sample.digest))["subject"]
    assert subject["digest"] == str(samples.images["clean"].digest)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_building_again_gives_the_same_digest(
    samples: Samples, packages: PackageCache, tmp_path: Path, name: str
) -> None:
    """What a demonstration showed yesterday has the same digest today."""
    build(name, tmp_path, packages)
    assert build(name, tmp_path, packages).digest == samples.images[name].digest


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_blob_is_what_its_name_and_its_descriptors_say(samples: Samples, name: str) -> None:
    """Digests, sizes and, in images, the diff_ids of the config."""
    layout = samples.images[name].layout
    for path in (layout / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    for digest in manifests_of(samples.images[name]):
        manifest = load(layout, digest)
        for descriptor in (manifest["config"], *manifest["layers"]):
            assert blob(layout, descriptor["digest"]).stat().st_size == descriptor["size"]
        config = load(layout, manifest["config"]["digest"])
        if "rootfs" in config:
            diff_ids = [diff_id(layout, layer) for layer in manifest["layers"]]
            assert config["rootfs"]["diff_ids"] == diff_ids


@pytest.mark.parametrize(
    ("name", "manifest_type", "layer_type"),
    [
        ("clean", OCI_MANIFEST, "application/vnd.oci.image.layer.v1.tar+gzip"),
        ("zstd", OCI_MANIFEST, "application/vnd.oci.image.layer.v1.tar+zstd"),
        ("plain", OCI_MANIFEST, "application/vnd.oci.image.layer.v1.tar"),
        (
            "docker",
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
    ],
)
def test_media_types_are_those_that_clients_push(
    samples: Samples, name: str, manifest_type: str, layer_type: str
) -> None:
    """The one image in each form that a registry gets it in."""
    sample = samples.images[name]
    manifest = load(sample.layout, str(sample.digest))
    assert sample.media_type == manifest["mediaType"] == manifest_type
    assert {layer["mediaType"] for layer in manifest["layers"]} == {layer_type}


def manifests_of(sample: SampleImage) -> list[str]:
    """Return the digests of all manifests in a sample."""
    return list(children(sample).values()) if sample.kind is Kind.INDEX else [str(sample.digest)]


def diff_id(layout: Path, layer: Mapping[str, Any]) -> str:
    """Return the digest of a layer once it is unpacked."""
    content = blob(layout, layer["digest"]).read_bytes()
    if layer["mediaType"].endswith("gzip"):
        content = gzip.decompress(content)
    elif layer["mediaType"].endswith("zstd"):
        content = zstd.decompress(content)
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


# skopeo's `oci:` transport reads OCI media types only.
@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"docker"}))
def test_skopeo_reads_the_layout(samples: Samples, name: str) -> None:
    """A client that nobody here wrote finds the same manifest under the sample's name."""
    skopeo = shutil.which("skopeo") or unavailable("skopeo is not installed")
    sample = samples.images[name]
    done = subprocess.run(  # noqa: S603 - an argv of our own, no shell
        [skopeo, "inspect", "--raw", f"oci:{sample.layout}:{name}"],
        env={"HOME": str(sample.layout.parent)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert Digest(f"sha256:{hashlib.sha256(done.stdout).hexdigest()}") == sample.digest


def test_a_big_image_has_the_size_that_was_asked_for(samples: Samples, tmp_path: Path) -> None:
    """Within a tenth, in several layers, without findings, and the same each time."""
    image = build_big(10, tmp_path)
    manifest = load(image.layout, str(image.digest))
    assert 9_000_000 < sum(layer["size"] for layer in manifest["layers"]) < 11_000_000
    assert len(manifest["layers"]) > 3
    assert findings_in(run_trivy(image.layout, samples.databases)) == []
    assert build_big(10, tmp_path / "again").digest == image.digest


def test_a_real_userland_is_recognised(samples: Samples, tmp_path: Path) -> None:
    """Every package that apt gave is listed, and the distribution is Debian."""
    try:
        image = build_userland(tmp_path, CACHE / "debian")
    except UserlandUnavailableError as error:
        # Debian's own tools are no requirement, in CI neither.
        pytest.skip(str(error))
    report = json.loads(run_trivy(image.layout, samples.databases))
    assert report["Metadata"]["OS"]["Family"] == "debian"
    listed = {package["Name"] for package in report["Results"][0]["Packages"]}
    assert listed == set(USERLAND_PACKAGES)
