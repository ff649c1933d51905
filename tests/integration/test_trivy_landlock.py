"""Trivy says the same in both sandboxes, on every sample image."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.samples.advisories import write_database
from local.samples.expected import EXPECTED, ExpectedFinding
from local.samples.images import SAMPLES, Kind, build
from local.samples.packages import PackageCache, PackageUnavailableError
from scanner.model import ScanReport, Unexaminable, UnknownReason
from scanner.sandbox import Limits, Preference
from scanner.trivy import AdvisoryDirectory, TrivyScanner
from tests.image_samples import tar_of
from tests.integration.trivy_layouts import WriteLayout, write_layout
from tests.layered import scan
from tests.sandbox_programs import bubblewrap_path, trivy_path, unavailable

pytestmark = pytest.mark.integration
__all__ = ["write_layout"]

_PACKAGES = Path(__file__).parents[2] / ".local" / "cache" / "packages"
_IMAGES = sorted(name for name, sample in SAMPLES.items() if sample.kind is Kind.IMAGE)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> AdvisoryDirectory:
    """Install the sample advisories."""
    new = tmp_path_factory.mktemp("new")
    write_database(new, updated_at=datetime.now(UTC))
    directory = AdvisoryDirectory(tmp_path_factory.mktemp("advisories"))
    directory.install(new, source="bundled-sample")
    return directory


def _scan(
    directory: AdvisoryDirectory,
    layout: Path,
    sandbox: Preference,
    *,
    limits: Limits | None = None,
) -> ScanReport | Unexaminable:
    scanner = TrivyScanner(
        trivy=trivy_path(),
        bubblewrap=bubblewrap_path(),
        sandbox=sandbox,
        directory=directory,
        scratch=Path(tempfile.gettempdir()),
        limits=limits or Limits(wall_seconds=60.0),
    )
    assert scanner.describe().isolation.startswith(sandbox)
    return scan(scanner, layout)


@pytest.mark.parametrize("name", _IMAGES)
def test_both_sandboxes_give_one_report(
    directory: AdvisoryDirectory, tmp_path: Path, name: str
) -> None:
    """Findings, packages, targets, warnings; and the findings are the expected ones."""
    try:
        sample = build(name, tmp_path, PackageCache(_PACKAGES))
    except PackageUnavailableError as error:
        unavailable(str(error))
    layout = sample.layout
    seen = _scan(directory, layout, "landlock")
    assert isinstance(seen, ScanReport), seen
    assert seen == _scan(directory, layout, "bubblewrap")
    assert {
        ExpectedFinding(
            found.vulnerability,
            found.package,
            found.installed_version,
            found.fixed_version,
            found.severity,
        )
        for found in seen.findings
    } == EXPECTED[name].findings
    assert not any(str(tmp_path) in group.target for group in seen.package_groups)


def test_a_jar_is_looked_up_in_both(
    directory: AdvisoryDirectory, write_layout: WriteLayout
) -> None:
    """SQLite opens the index of Java archives, by way of a link where there are no mounts."""
    layout = write_layout(tar_of(**{"app.jar": b"PK\x03\x04"}))
    seen = _scan(directory, layout, "landlock")
    assert isinstance(seen, ScanReport), seen
    assert seen == _scan(directory, layout, "bubblewrap")


def test_a_layer_that_fills_the_disk_meets_its_limit(
    directory: AdvisoryDirectory, write_layout: WriteLayout
) -> None:
    """There is no file system of a given size; 200 MB of zeros that pass for a package."""
    limits = Limits(wall_seconds=60.0, temporary_bytes=32 << 20)
    layout = write_layout(tar_of(**{"package.json": bytes(200 << 20)}))
    seen = _scan(directory, layout, "landlock", limits=limits)
    assert isinstance(seen, Unexaminable)
    assert seen.reason is UnknownReason.DISK_LIMIT


def test_too_little_memory_meets_its_limit(
    directory: AdvisoryDirectory, write_layout: WriteLayout
) -> None:
    """Go says so, in its own way."""
    limits = Limits(wall_seconds=60.0, memory_bytes=60 << 20)
    seen = _scan(directory, write_layout(tar_of(a=b"")), "landlock", limits=limits)
    assert isinstance(seen, Unexaminable)
    assert seen.reason is UnknownReason.MEMORY_LIMIT


def test_scans_leave_nothing(directory: AdvisoryDirectory, write_layout: WriteLayout) -> None:
    """No directory of a run, no descriptor."""
    layout = write_layout(tar_of(a=b""))
    _scan(directory, layout, "landlock")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts, needs no paths
    for _ in range(3):
        _scan(directory, layout, "landlock")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - likewise
