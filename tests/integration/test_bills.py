"""Bills of materials by the real Trivy: from layers as from the whole image, and the same twice."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.samples.advisories import write_database
from local.samples.images import SAMPLES, Kind, build
from local.samples.packages import PackageCache, PackageUnavailableError
from scanner.exports import bill_of_materials
from scanner.model import Digest
from scanner.sandbox import Exited, Limits, choose
from scanner.trivy import AdvisoryDirectory, argv
from scanner.trivy.analysis import Workbench, analyse
from scanner.trivy.bill import write_bill
from scanner.trivy.binary import TrivyBinary
from tests.layered import inventories
from tests.reports import unhealthy_report
from tests.sandbox_programs import bubblewrap_path, trivy_path, unavailable
from tests.schemas import cyclonedx_faults

pytestmark = pytest.mark.integration

_PACKAGES = Path(__file__).parents[2] / ".local" / "cache" / "packages"
_SAMPLES = sorted(
    name
    for name, sample in SAMPLES.items()
    if sample.kind is Kind.IMAGE and name not in {"empty", "big"}
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return the real programs, with advisories on packages of the samples."""
    new = tmp_path_factory.mktemp("new")
    write_database(new, updated_at=datetime.now(UTC))
    directory = AdvisoryDirectory(tmp_path_factory.mktemp("advisories"))
    directory.install(new, source="test")
    sandbox = choose("auto", bubblewrap_path())
    return Workbench(
        binary=TrivyBinary.inspect(trivy_path(), sandbox),
        sandbox=sandbox,
        databases=directory.current()[1],
        limits=Limits(wall_seconds=60.0),
    )


def _of_whole_image(layout: Path, bench: Workbench) -> bytes:
    completed = bench.sandbox.run(
        bench.binary.path,
        argv.scan(form="cyclonedx"),
        read_only={f"/{argv.IMAGE}": layout, f"/{argv.CACHE}": bench.databases},
        environment=argv.environment(bench.limits),
        limits=bench.limits,
    )
    assert completed.exit == Exited(0), completed.untrusted_stderr
    return completed.untrusted_stdout


def _comparable(bill: bytes) -> Any:  # noqa: ANN401 - JSON
    """Leave out how layers were packed, and the names that follow from it.

    And the checksums of files: Trivy works them out only while it reads an image for a bill, and
    layers are read once, for all purposes.
    """
    document = json.loads(bill)
    components = [
        {
            name: [p for p in value if not p["name"].endswith(":LayerDigest")]
            if name == "properties"
            else value
            for name, value in component.items()
            if name not in {"bom-ref", "hashes"}
        }
        for component in document["components"]
    ]
    return sorted(json.dumps(component, sort_keys=True) for component in components)


@pytest.mark.parametrize("name", _SAMPLES)
def test_a_bill_from_layers_is_that_of_the_whole_image(
    bench: Workbench, tmp_path: Path, name: str
) -> None:
    """Valid by the official schema, and byte for byte the same in a second run."""
    try:
        layout = build(name, tmp_path, PackageCache(_PACKAGES)).layout
    except PackageUnavailableError as error:
        unavailable(str(error))
    layers = inventories(layout, partial(analyse, bench=bench))
    assert isinstance(layers, list), layers
    report = replace(unhealthy_report(), layers=tuple(layer.diff_id for layer in layers))
    first, second = (write_bill(layers, bench, scratch=tmp_path) for _ in range(2))
    assert isinstance(first, bytes)
    assert isinstance(second, bytes)
    assert first != second
    bill = bill_of_materials(first, report)
    assert bill == bill_of_materials(second, report)
    assert cyclonedx_faults(bill) == []
    whole = bill_of_materials(_of_whole_image(layout, bench), report)
    assert _comparable(bill) == _comparable(whole)
    refs = [component["bom-ref"] for component in json.loads(bill)["components"]]
    assert len(refs) == len(set(refs)) == len(json.loads(first)["components"])
    assert Digest.of(bill) == Digest.of(bill_of_materials(first, report))
