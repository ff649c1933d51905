import json
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.bills import Bills
from scanner.model import Digest, Unexaminable, UnknownReason
from tests.command_line import HOSTILE, OBEYED, pushscan
from tests.examples import IMAGE
from tests.export_goldens import FOLDER
from tests.fakes import InMemoryReportStore
from tests.reports import AMD64, index_report, judged_report, unhealthy_report
from tests.schemas import cyclonedx_faults, sarif_faults
from tests.stored_bills import BillScanner, bills

_NAME = "contoso.azurecr.io/shop/cart:v7"
_PROFILE = "ab" * 32


@pytest.fixture
def store() -> InMemoryReportStore:
    """Return a store with one report on a tagged image."""
    store = InMemoryReportStore()
    store.save(judged_report())
    return store


def test_sarif_goes_to_standard_output_or_into_a_file(
    store: InMemoryReportStore, tmp_path: Path
) -> None:
    """The same bytes, and nothing else beside them."""
    shown = pushscan("export", _NAME, "--format", "sarif", store=store)
    assert shown.exit_code == 0
    assert sarif_faults(shown.stdout.encode()) == []
    path = tmp_path / "image.sarif"
    written = pushscan("export", _NAME, "--format", "sarif", "--output", str(path), store=store)
    assert (written.exit_code, written.stdout) == (0, "")
    assert path.read_text() == shown.stdout


def test_defenders_records_and_the_report_itself(store: InMemoryReportStore) -> None:
    """A line of JSON each."""
    records = json.loads(pushscan("export", _NAME, "--format", "defender", store=store).stdout)
    assert records["value"][0]["properties"]["id"] == "CVE-2019-10906"
    report = json.loads(pushscan("export", _NAME, "--format", "json", store=store).stdout)
    assert report["schema"] == "pushscan.report/v1"


def test_a_bill_is_written_from_what_is_known_of_the_layers(store: InMemoryReportStore) -> None:
    """No registry is asked."""
    written = bills((FOLDER / "trivy-bill.json").read_bytes())
    result = pushscan("export", _NAME, "--format", "cyclonedx", store=store, bills=lambda: written)
    assert result.exit_code == 0
    assert cyclonedx_faults(result.stdout.encode()) == []
    assert isinstance(written.scanner, BillScanner)
    assert written.scanner.layers == list(judged_report().layers)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (bills(b"{}", known=False), "was examined by another scanner"),
        (bills(b"nonsense"), "wrote no bill of materials"),
        (
            bills(Unexaminable(reason=UnknownReason.TIMEOUT, detail="too slow")),
            "too slow",
        ),
    ],
)
def test_why_there_is_no_bill_is_said_in_one_line(
    store: InMemoryReportStore, written: Bills, words: str
) -> None:
    """With exit status 1."""
    result = pushscan("export", _NAME, "--format", "cyclonedx", store=store, bills=lambda: written)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stdout == ""


def test_an_index_has_no_bill_of_its_own() -> None:
    """Each of its platforms has."""
    child = unhealthy_report(tag=None)
    index = index_report((AMD64, child), digest=Digest("sha256:" + "1d" * 32))
    store = InMemoryReportStore()
    store.save(child, part_of=index.image.digest)
    store.save(index)
    written = bills((FOLDER / "trivy-bill.json").read_bytes())
    refused = pushscan(
        "export", str(index.image), "--format", "cyclonedx", store=store, bills=lambda: written
    )
    assert (refused.exit_code, "is an index" in refused.stderr) == (1, True)
    whole = json.loads(
        pushscan("export", str(index.image), "--format", "sarif", store=store).stdout
    )
    assert {result["ruleId"] for result in whole["runs"][0]["results"]} == {
        "CVE-2021-44228",
        "CVE-2019-10906",
    }


def test_what_cannot_be_written_or_is_not_known_is_said(
    store: InMemoryReportStore, tmp_path: Path
) -> None:
    """With exit status 1; a format that does not exist is misuse."""
    nowhere = str(tmp_path / "nowhere" / "x")
    failed = pushscan("export", _NAME, "--format", "json", "--output", nowhere, store=store)
    assert (failed.exit_code, "cannot be written" in failed.stderr) == (1, True)
    unknown = pushscan("export", f"{IMAGE}", "--format", "json", store=InMemoryReportStore())
    assert (unknown.exit_code, "was never judged" in unknown.stderr) == (1, True)
    assert pushscan("export", _NAME, "--format", "xml", store=store).exit_code == 2


@pytest.mark.parametrize("form", ["sarif", "defender", "json"])
def test_nothing_that_a_terminal_obeys_is_written(form: str) -> None:
    """Names from an image are text."""
    report = unhealthy_report()
    assert report.scan is not None
    evil = tuple(
        replace(one, package=HOSTILE, title=HOSTILE, vulnerability=HOSTILE)
        for one in report.scan.findings
    )
    store = InMemoryReportStore()
    store.save(replace(report, scan=replace(report.scan, findings=evil)))
    result = pushscan("export", _NAME, "--format", form, store=store)
    assert result.exit_code == 0
    assert not [character for character in OBEYED if character in result.stdout]
