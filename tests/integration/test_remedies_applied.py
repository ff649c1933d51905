"""The proposed changes, made to what is kept of an image's layers, make real Trivy find nothing."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.samples.advisories import install_sample
from local.samples.images import build
from local.samples.packages import PackageCache, PackageUnavailableError
from scanner.classify.remedies import remedies
from scanner.model import (
    Decision,
    LayerInventory,
    Outcome,
    Remedy,
    RemedyKind,
    ScanReport,
    Severity,
)
from scanner.trivy import AdvisoryDirectory, TrivyScanner
from tests.layered import inventories
from tests.sandbox_programs import bubblewrap_path, trivy_path, unavailable

pytestmark = pytest.mark.integration

_PACKAGES = Path(__file__).parents[2] / ".local" / "cache" / "packages"


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> TrivyScanner:
    """Return the real scanner with the sample advisories."""
    advisories = tmp_path_factory.mktemp("advisories")
    install_sample(advisories, updated_at=datetime.now(UTC))
    return TrivyScanner(
        trivy=trivy_path(),
        bubblewrap=bubblewrap_path(),
        directory=AdvisoryDirectory(advisories),
        scratch=tmp_path_factory.mktemp("scratch"),
    )


@pytest.mark.parametrize("name", ["vulnerable", "jar"])
@pytest.mark.parametrize("at_least", [Severity.HIGH, Severity.LOW])
def test_the_changes_make_the_image_healthy(
    scanner: TrivyScanner, tmp_path: Path, name: str, at_least: Severity
) -> None:
    """Whatever of it blocks; and each change is needed."""
    advisories = scanner.advisories()
    try:
        layout = build(name, tmp_path, PackageCache(_PACKAGES)).layout
    except PackageUnavailableError as error:
        unavailable(str(error))
    layers = inventories(
        layout, lambda layer, diff_id: scanner.analyse(layer, diff_id, advisories=advisories)
    )
    assert isinstance(layers, Sequence), layers

    def blocking(changed: Sequence[LayerInventory]) -> list[Decision]:
        seen = scanner.match(changed, advisories=advisories)
        assert isinstance(seen, ScanReport), seen
        return [
            Decision(subject=finding, outcome=Outcome.BLOCKS, rule="severity")
            for finding in seen.findings
            if finding.severity >= at_least
        ]

    changes = remedies(blocking(layers))
    assert changes
    assert not blocking([changed(layer, changes) for layer in layers])
    for left_out in changes:
        others = [change for change in changes if change is not left_out]
        assert blocking([changed(layer, others) for layer in layers])


def changed(layer: LayerInventory, changes: Sequence[Remedy]) -> LayerInventory:
    """Return a layer as it would be with other versions installed."""
    record = json.loads(layer.untrusted_record)
    for group in (*(record.get("PackageInfos") or ()), *(record.get("Applications") or ())):
        for package in group["Packages"]:
            for change in changes:
                if change.layer_diff_id == str(layer.diff_id) and change.target == package["Name"]:
                    assert change.kind is RemedyKind.UPGRADE
                    package.update(_installed(package, change.wanted_version))
    return replace(layer, untrusted_record=json.dumps(record).encode())


def _installed(package: dict[str, Any], version: str) -> dict[str, str]:
    if "SrcVersion" not in package:
        return {"Version": version}
    upstream, _, release = version.partition("-")
    return {
        "Version": upstream,
        "Release": release,
        "SrcVersion": upstream,
        "SrcRelease": release,
    }
