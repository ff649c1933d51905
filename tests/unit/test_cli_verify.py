import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scanner.errors import RegistryError, VerificationError
from scanner.judging import identified
from scanner.model import Advisories, Report
from scanner.ports import ResolvedImage
from scanner.store import report_json
from scanner.store.verdict_json import write_finding
from scanner.verification import Verifier
from tests.command_line import HOSTILE, OBEYED, pushscan
from tests.examples import ADVISORIES, IMAGE, NOW, job, scan_report
from tests.fakes import (
    InMemoryInventoryStore,
    InMemoryReportStore,
    StubRegistry,
    StubScanner,
    examiner_on,
)
from tests.policies import APPLIED, MILD, find
from tests.reports import AMD64, SCANNER, unhealthy_report

FINDINGS = unhealthy_report().verdict.violations


@dataclass(kw_only=True)
class World:
    """A registry with one image, a scanner that knows it, and the report on it."""

    scratch: Path
    registry: StubRegistry
    scanner: StubScanner
    store: InMemoryReportStore

    def verifier(self) -> Verifier:
        """Return what examines again in this world."""
        inventories = InMemoryInventoryStore()
        examiner = examiner_on(self.registry, self.scanner, inventories, self.scratch)
        return Verifier(examiner=examiner, find_advisories=self._find, find_rulebook=find)

    def report(self) -> Report:
        """Return the report that is stored."""
        [report] = self.store.reports.values()
        return report

    def _find(self, wanted: Advisories) -> Advisories:
        return replace(wanted, sources=ADVISORIES.sources)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world in which all is in order."""
    world = World(
        scratch=tmp_path,
        registry=StubRegistry(),
        scanner=StubScanner(scanner=SCANNER, database=ADVISORIES, otherwise=scan_report(*FINDINGS)),
        store=InMemoryReportStore(),
    )
    world.registry.manifests[IMAGE.digest] = ResolvedImage(
        reference=IMAGE, platform=AMD64, manifest=b"{}", config=b"{}"
    )
    drawn_up = replace(unhealthy_report(), policy=APPLIED, job_id=job().id, as_of=NOW)
    world.store.save(world.verifier().examine_again(drawn_up))
    return world


def test_an_equal_report_is_said_to_be_equal(world: World) -> None:
    """With what it rests on, exit 0."""
    report = world.report()
    result = pushscan("verify", report.id, store=world.store, verifier=world.verifier)
    assert (result.exit_code, result.stderr) == (0, "")
    for text in (
        f"EQUAL  {IMAGE.name}",
        f"@{IMAGE.digest}",
        "UNHEALTHY  2 findings block, the worst is CVE-2021-44228 in log4j-core 2.10 (CRITICAL,",
        str(APPLIED.digest),
        str(ADVISORIES.digest),
        f"trivy 0.76.0 in {SCANNER.isolation}",
        str(SCANNER.digest),
        report.id,
    ):
        assert text in result.stdout
    assert "What differs" not in result.stdout


def test_a_different_one_is_said_to_differ_and_in_what(world: World) -> None:
    """The findings of each side, and each member; exit 1."""
    critical, high = FINDINGS
    world.scanner.otherwise = scan_report(high, replace(high, vulnerability="CVE-2020-1"))
    result = pushscan("verify", world.report().id, store=world.store, verifier=world.verifier)
    assert (result.exit_code, result.stderr) == (1, "")
    assert "DIFFERS" in result.stdout
    shown = result.stdout.partition("What differs")[2]
    assert '  verdict.explanation\n    stored  "2 findings block, the worst is CVE-2021' in shown
    stored, again = shown.split("Findings only in the stored report")[1].split("only seen again")
    assert critical.vulnerability in stored
    assert "CVE-2020-1" in again
    assert high.vulnerability not in stored + again


def test_json_says_all_of_it(world: World) -> None:
    """One object; the findings as in a report."""
    critical, high = FINDINGS
    world.scanner.otherwise = scan_report(high)
    report = world.report()
    result = pushscan("verify", report.id, "--json", store=world.store, verifier=world.verifier)
    document = json.loads(result.stdout)
    assert (result.exit_code, document["outcome"]) == (1, "differs")
    assert document["report_id"] == report.id
    assert document["evidence"]["stored"] != document["evidence"]["again"]
    assert {"member": "scan.findings", "stored": "2, 1 of them only here"}.items() <= next(
        one for one in document["differences"] if one["member"] == "scan.findings"
    ).items()
    assert document["findings"] == {"only_stored": [write_finding(critical)], "only_again": []}


@pytest.mark.parametrize("is_printed", [True, False])
def test_a_file_is_verified_like_what_is_stored(
    world: World, tmp_path: Path, *, is_printed: bool
) -> None:
    """As it lies in storage, or as `show --json` prints it; storage is not asked for it."""
    document = report_json.encode(world.report())
    file = tmp_path / "report.json"
    file.write_text(json.dumps(json.loads(document), indent=2) if is_printed else document.decode())
    empty = InMemoryReportStore()
    result = pushscan("verify", str(file), store=empty, verifier=world.verifier)
    assert result.exit_code == 0, result.output
    tampered = replace(world.report(), policy=MILD)
    file.write_bytes(report_json.encode(tampered))
    result = pushscan("verify", str(file), store=empty, verifier=world.verifier)
    assert result.exit_code == 1
    assert f'  id\n    stored  "{tampered.id}"\n    again   "{identified(tampered).id}"' in (
        result.stdout
    )


def _raising(error: Exception) -> Callable[[], Verifier]:
    def build() -> Verifier:
        raise error

    return build


@pytest.mark.parametrize(
    "error", [VerificationError("the database sha256:ad is gone"), RegistryError("no answer")]
)
def test_what_cannot_be_done_is_neither_equal_nor_different(world: World, error: Exception) -> None:
    """Exit 2, the reason in one line, nothing on stdout."""
    result = pushscan(
        "verify", world.report().id, "--json", store=world.store, verifier=_raising(error)
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"pushscan: cannot verify: {error}\n"


@pytest.mark.parametrize("name", ["0" * 64, "no/such/file", "", "\x1b[2J"])
def test_a_report_that_is_not_there_cannot_be_verified(world: World, name: str) -> None:
    """Neither in storage nor as a file."""
    result = pushscan("verify", name, store=world.store, verifier=world.verifier)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr


def test_a_file_that_is_no_report_cannot_be_verified(world: World, tmp_path: Path) -> None:
    """It is refused as a whole."""
    file = tmp_path / "report.json"
    file.write_bytes(report_json.encode(world.report())[:-1])
    result = pushscan("verify", str(file), store=world.store, verifier=world.verifier)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_stored_report_of_another_name_is_not_taken_for_the_one(world: World) -> None:
    """Whoever put it there."""
    own_id = world.report().id
    world.store.reports["0" * 64] = world.report()
    result = pushscan("verify", "0" * 64, store=world.store, verifier=world.verifier)
    assert result.exit_code == 2
    assert own_id in result.stderr


def test_hostile_text_is_inert(world: World, tmp_path: Path) -> None:
    """A file comes from anybody, and findings from the image."""
    hostile = replace(FINDINGS[0], vulnerability=HOSTILE, package=HOSTILE, title=HOSTILE)
    report = world.report()
    assert report.scan
    assert report.scanner
    forged = replace(
        report,
        id=HOSTILE,
        job_id=HOSTILE,
        scanner=replace(report.scanner, isolation=HOSTILE),
        verdict=replace(report.verdict, explanation=HOSTILE, rule=HOSTILE, violations=(hostile,)),
        scan=replace(report.scan, findings=(hostile,)),
        decisions=(replace(report.decisions[0], subject=hostile, rule=HOSTILE),),
        policy=replace(report.policy, name=HOSTILE, tag=HOSTILE),
    )
    file = tmp_path / "report.json"
    file.write_bytes(report_json.encode(forged))
    for arguments in (["verify", str(file)], ["verify", str(file), "--json"]):
        result = pushscan(*arguments, store=world.store, verifier=world.verifier)
        assert result.exit_code == 1
        assert not [character for character in OBEYED if character in result.output]
