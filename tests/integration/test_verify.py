"""`pushscan verify` and `explain` on real storage, a registry and the real Trivy."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.acr import RegistryStandIn
from local.certificates import Certificates
from local.samples.advisories import install_sample
from local.samples.images import build
from local.samples.packages import PackageCache, PackageUnavailableError
from local.storage import Azurite
from scanner import settings
from scanner.jobs import job_id
from scanner.model import (
    Digest,
    ImageReference,
    Report,
    ScanJob,
    ScanReport,
    Status,
)
from scanner.sandbox import choose
from scanner.store import report_json
from scanner.trivy.binary import TrivyBinary
from scanner.trivy.whole_image import examine
from scanner.wiring import Wiring
from tests.examples import WEBHOOK_SECRET
from tests.policies import MILD
from tests.sandbox_programs import bubblewrap_path, trivy_path, unavailable

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).parents[2]
_EQUAL, _DIFFERS, _CANNOT = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Place:
    """One image that a worker has judged, and the settings of that worker."""

    home: Path
    variables: dict[str, str]
    layout: Path
    report: Report

    def pushscan(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a person does, with some settings changed."""
        return subprocess.run(  # noqa: S603 - an argv of our own
            [
                sys.executable,
                *("-W", "error"),
                *("-c", "from scanner.cli import app; app(prog_name='pushscan')"),
                *arguments,
            ],
            cwd=_ROOT,
            env={"PATH": os.defpath, "HOME": str(self.home), **self.variables, **changes},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def verify_file(self, report: Report) -> subprocess.CompletedProcess[str]:
        """Verify a report that lies in a file."""
        file = self.home / "report.json"
        file.write_bytes(report_json.encode(report))
        return self.pushscan("verify", str(file))


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryStandIn]:
    """A registry of our own."""
    home = tmp_path_factory.mktemp("registry")
    with RegistryStandIn(home / "data", Certificates.create(home / "tls")) as running:
        yield running


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, azurite: Azurite, stand_in: RegistryStandIn
) -> Place:
    """Push the vulnerable sample and judge it as a worker does, in bubblewrap."""
    home = tmp_path_factory.mktemp("place")
    try:
        sample = build("vulnerable", home, PackageCache(_ROOT / ".local/cache/packages"))
    except PackageUnavailableError as error:
        unavailable(str(error))
    install_sample(home / "advisories", updated_at=datetime.now(UTC))
    variables = {
        "PUSHSCAN_STORAGE": azurite.connection_string,
        "PUSHSCAN_REGISTRIES": stand_in.login_server,
        "PUSHSCAN_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "PUSHSCAN_BLOB_HOSTS": stand_in.blob_host,
        "PUSHSCAN_CA_FILE": str(stand_in.ca_file),
        "PUSHSCAN_ADVISORIES": str(home / "advisories"),
        "PUSHSCAN_TRIVY": str(trivy_path()),
        "PUSHSCAN_BUBBLEWRAP": str(bubblewrap_path()),
        "PUSHSCAN_SANDBOX": "bubblewrap",
        "IDENTITY_ENDPOINT": stand_in.identity_endpoint,
        "IDENTITY_HEADER": stand_in.identity_header,
    }
    with stand_in.client() as client:
        digest = client.push_layout(sample.layout, "verify/vulnerable:v1")
    image = ImageReference(
        registry=stand_in.login_server,
        repository="verify/vulnerable",
        digest=Digest(digest),
        tag="v1",
    )
    with pytest.MonkeyPatch.context() as environment:
        # The SDK reads its own two from the process.
        for name, value in variables.items():
            environment.setenv(name, value)
        worker = Wiring(settings.read(variables)).pipeline
        report = worker.judge(
            ScanJob(id=job_id(image), image=image, requested_at=datetime.now(UTC))
        )
    assert report.verdict.status is Status.UNHEALTHY
    return Place(home=home, variables=variables, layout=sample.layout, report=report)


@pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock"])
def test_a_stored_report_is_equal_to_what_is_seen_again(place: Place, sandbox: str) -> None:
    """In another process and another sandbox, from inventories, by another policy of today."""
    result = place.pushscan("verify", place.report.id, PUSHSCAN_SANDBOX=sandbox)
    assert (result.returncode, result.stderr) == (_EQUAL, "")
    assert result.stdout.startswith("EQUAL  ")
    assert str(Digest.of(report_json.encode_evidence(place.report))) in result.stdout


def test_the_report_is_that_of_the_whole_image(place: Place) -> None:
    """Trivy over all layers at once gives the same bytes as the layers one by one."""
    sandbox = choose("bubblewrap", bubblewrap_path())
    given = settings.read(place.variables)
    assert place.report.advisories
    seen = examine(
        place.layout,
        TrivyBinary.inspect(trivy_path(), sandbox),
        sandbox,
        given.advisories / place.report.advisories.digest.hex,
        given.limits,
    )
    assert isinstance(seen, ScanReport)
    whole = replace(place.report, scan=seen)
    assert report_json.encode(whole) == report_json.encode(place.report)


def test_a_report_that_was_tampered_with_differs(place: Place) -> None:
    """Without its worst finding, or by a milder policy that was never in force here."""
    report = place.report
    assert report.scan
    worst, *others = report.scan.findings
    result = place.verify_file(
        replace(
            report,
            scan=replace(report.scan, findings=tuple(others)),
            decisions=report.decisions[1:],
            verdict=replace(report.verdict, violations=report.verdict.violations[1:]),
        )
    )
    assert (result.returncode, result.stderr) == (_DIFFERS, "")
    assert worst.vulnerability in result.stdout.split("Findings only seen again")[1]
    assert place.verify_file(report).returncode == _EQUAL
    mild = place.verify_file(replace(report, policy=MILD))
    assert (mild.returncode, mild.stdout) == (_CANNOT, "")
    assert f"the policy example ({MILD.digest}) is not at hand" in mild.stderr


def test_without_its_database_nothing_is_said_of_a_report(place: Place, tmp_path: Path) -> None:
    """But which one it was."""
    result = place.pushscan("verify", place.report.id, PUSHSCAN_ADVISORIES=str(tmp_path))
    assert (result.returncode, result.stdout) == (_CANNOT, "")
    assert place.report.advisories
    assert f"database {place.report.advisories.digest} of" in result.stderr
    assert result.stderr.count("\n") == 1


def test_verifying_stores_no_report_and_no_verdict(place: Place) -> None:
    """The history is as long as before, and the row is the same."""
    store = Wiring(settings.read(place.variables)).store
    before = store.current(place.report.image)
    assert place.pushscan("verify", place.report.id).returncode == _EQUAL
    assert store.current(place.report.image) == before
    [past] = store.history(place.report.image)
    assert past.report_id == place.report.id


def test_what_was_known_is_explained_from_storage(place: Place) -> None:
    """At a moment after the verdict, and not at one before."""
    name = place.report.image.name
    moment = f"{place.report.finished_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    explained = place.pushscan("explain", name, "--at", moment)
    assert (explained.returncode, explained.stderr) == (0, "")
    assert re.search(r"verdict +UNHEALTHY", explained.stdout)
    assert place.report.id in explained.stdout
    assert place.pushscan("explain", name, "--at", "2020-01-01").returncode == 1
    listed = place.pushscan("show", name, "--history", "--json")
    assert [entry["report_id"] for entry in json.loads(listed.stdout)] == [place.report.id]
