"""The real Trivy in the real sandbox, beside Trivy's own report on the same image."""

import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.samples.advisories import write_database
from local.samples.expected import EXPECTED
from local.samples.images import SAMPLES, Kind, build
from local.samples.packages import PackageCache, PackageUnavailableError
from scanner import bolt
from scanner.errors import AdvisoriesError, SandboxUnavailableError
from scanner.model import Advisories, Digest, ScanReport
from scanner.sandbox import choose
from scanner.trivy import AdvisoryDirectory, TrivyScanner
from scanner.trivy import argv as trivy_argv
from scanner.trivy import scanner as trivy_scanner
from scanner.trivy.advisories import make_ready
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.whole_image import examine
from tests.image_samples import tar_of
from tests.integration.trivy_layouts import WriteLayout, directory, scanner, write_layout
from tests.layered import scan
from tests.sandbox_programs import bubblewrap_path, trivy_path, unavailable

pytestmark = pytest.mark.integration
__all__ = ["directory", "scanner", "write_layout"]

_PACKAGES = Path(__file__).parents[2] / ".local" / "cache" / "packages"
_IMAGES = sorted(name for name, sample in SAMPLES.items() if sample.kind is Kind.IMAGE)


def _trivys_own_findings(layout: Path, databases: Path) -> list[tuple[Any, ...]]:
    """Run Trivy as anyone would, without a sandbox, and read its JSON as plain data."""
    command = [str(trivy_path()), "--cache-dir", str(databases), "image", "--input", str(layout)]
    command += ["--cache-backend", "memory", "--skip-db-update", "--skip-java-db-update"]
    command += ["--offline-scan", "--scanners", "vuln", "--format", "json"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120, env={})  # noqa: S603 - our own arguments
    return sorted(
        (
            found["VulnerabilityID"],
            found["PkgName"],
            found["InstalledVersion"],
            found.get("FixedVersion", ""),
            found["Severity"],
            found.get("SeveritySource", ""),
            found.get("Status", "unknown"),
            found.get("PkgPath", ""),
            found["Layer"]["DiffID"],
            found.get("PrimaryURL", ""),
            result["Class"],
            result["Type"],
            result["Target"].replace(str(layout), trivy_argv.IMAGE),
        )
        for result in json.loads(done.stdout).get("Results", [])
        for found in result.get("Vulnerabilities", [])
    )


def _our_findings(seen: ScanReport) -> list[tuple[Any, ...]]:
    return sorted(
        (
            found.vulnerability,
            found.package,
            found.installed_version,
            found.fixed_version,
            found.severity.name,
            found.severity_source,
            str(found.status),
            found.package_path,
            found.layer_diff_id,
            found.url,
            found.package_class,
            found.package_type,
            found.target,
        )
        for found in seen.findings
    )


@pytest.mark.parametrize("name", _IMAGES)
def test_our_findings_are_trivys(
    scanner: TrivyScanner, directory: AdvisoryDirectory, tmp_path: Path, name: str
) -> None:
    """Finding by finding, on every sample image."""
    try:
        sample = build(name, tmp_path, PackageCache(_PACKAGES))
    except PackageUnavailableError as error:
        unavailable(str(error))
    seen = scan(scanner, sample.layout)
    assert isinstance(seen, ScanReport), seen
    _, databases = directory.current()
    assert _our_findings(seen) == _trivys_own_findings(sample.layout, databases)
    assert bool(seen.findings) == bool(EXPECTED[name].findings)
    assert bool(seen.package_count) == (name != "empty")


def test_the_scanner_says_what_it_is(scanner: TrivyScanner) -> None:
    """Version and bytes of Trivy, and the sandbox."""
    described = scanner.describe()
    assert described.name == "trivy"
    assert tuple(map(int, described.version.split(".")[:2])) >= (0, 76)
    assert described.isolation.startswith("bubblewrap 0.")


def test_a_scan_uses_the_advisories_that_it_is_given(
    scanner: TrivyScanner, directory: AdvisoryDirectory, tmp_path: Path, write_layout: WriteLayout
) -> None:
    """An update in between does not make a report name the wrong ones."""
    own = AdvisoryDirectory(tmp_path / "own")
    named = own.install(directory.current()[1], source="first")
    scanner = replace(scanner, directory=own)
    assert scanner.advisories() == named
    package = b'{"name":"lodash","version":"4.17.4"}'
    layout = write_layout(tar_of(**{"app/node_modules/lodash/package.json": package}))
    empty = tmp_path / "empty"
    (empty / "db").mkdir(parents=True)
    bolt.write(empty / "db" / "trivy.db", {"vulnerability": {}, "wolfi": {"bash": {}}})
    (empty / "db" / "metadata.json").write_bytes(
        (directory.current()[1] / "db" / "metadata.json").read_bytes()
    )
    own.install(empty, source="second")
    first = scan(scanner, layout, advisories=named)
    assert isinstance(first, ScanReport)
    assert first.findings
    assert scanner.advisories().source == "second"
    second = scan(scanner, layout)
    assert isinstance(second, ScanReport)
    assert not second.findings


def test_a_profile_names_all_that_an_inventory_depends_on(
    scanner: TrivyScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other advisories find no other packages; another index of Java archives does."""
    advisories = scanner.advisories()
    profile = scanner.profile(advisories)
    assert re.fullmatch("[0-9a-f]{64}", profile)
    assert scanner.profile(replace(advisories, source="elsewhere")) == profile
    profiles = {profile, _profile_of_another_index(scanner, advisories)}
    monkeypatch.setattr(trivy_scanner, "FORM", -1)
    profiles.add(scanner.profile(advisories))
    monkeypatch.setattr(trivy_argv, "scan", lambda **_: ["image"])
    profiles.add(scanner.profile(advisories))
    assert len(profiles) == 4


def _profile_of_another_index(scanner: TrivyScanner, advisories: Advisories) -> str:
    other = Digest("sha256:" + "0" * 64)
    return scanner.profile(replace(advisories, java_digest=other))


def test_files_of_the_image_hide_nothing(scanner: TrivyScanner, write_layout: WriteLayout) -> None:
    """A .trivyignore or trivy.yaml at its root is just another file."""
    package = b'{"name":"lodash","version":"4.17.4"}'
    files = {".trivyignore": b"CVE-2019-10744\n", "trivy.yaml": b"severity: [LOW]\n"}
    layer = tar_of(**files, **{"app/node_modules/lodash/package.json": package})
    seen = scan(scanner, write_layout(layer))
    assert isinstance(seen, ScanReport)
    assert "CVE-2019-10744" in {finding.vulnerability for finding in seen.findings}


def test_a_database_that_trivy_cannot_open_is_our_fault(
    scanner: TrivyScanner, tmp_path: Path, write_layout: WriteLayout
) -> None:
    """The job is retried once it is mended."""
    bad = tmp_path / "bad"
    write_database(bad, updated_at=datetime.now(UTC))
    make_ready(bad)
    (bad / "db" / "trivy.db").write_bytes(b"no bbolt file")
    sandbox = choose("auto", bubblewrap_path())
    binary = TrivyBinary.inspect(scanner.trivy, sandbox)
    layout = write_layout(tar_of(a=b""))
    with pytest.raises(AdvisoriesError, match="Trivy cannot use its database"):
        examine(layout, binary, sandbox, bad, scanner.limits)


def test_an_image_with_a_jar_is_examined_without_a_java_database(
    scanner: TrivyScanner, write_layout: WriteLayout
) -> None:
    """The empty one that was installed is enough for Trivy to go on."""
    seen = scan(scanner, write_layout(tar_of(**{"app.jar": b"PK\x03\x04"})))
    assert isinstance(seen, ScanReport), seen


def test_a_program_that_is_no_trivy_is_refused(scanner: TrivyScanner) -> None:
    """Nothing is scanned with it."""
    with pytest.raises(SandboxUnavailableError, match="execvp"):
        replace(scanner, trivy=bubblewrap_path()).describe()


def test_a_missing_trivy_is_refused(scanner: TrivyScanner) -> None:
    """The message says where it was looked for."""
    with pytest.raises(SandboxUnavailableError, match="/nowhere/trivy"):
        replace(scanner, trivy=Path("/nowhere/trivy")).describe()
