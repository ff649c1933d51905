import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.exports import bill_of_materials, defender, exported, sarif
from scanner.exports.sarif import MAX_RESULTS
from scanner.model import Digest, Outcome, Report, Severity
from tests.command_line import HOSTILE
from tests.examples import ADVISORIES, NOW, finding, scan_report
from tests.export_goldens import FOLDER, GOLDENS, index, judged, readable
from tests.reports import healthy_report, judged_report, unhealthy_report, unknown_report
from tests.schemas import cyclonedx_faults, sarif_faults

_SEVERITY = re.compile(r"Severity:\s*(\w+)")
"""What Ratify's verifier searches the help of a rule for; it takes the first."""


def _alone(report: Report) -> bytes:
    return sarif(exported(report, lambda _: None))


def _run(document: bytes) -> dict[str, Any]:
    [run] = json.loads(document)["runs"]
    assert isinstance(run, dict)
    return run


def _severities(document: bytes) -> list[str]:
    """Read a document as Ratify does: severities of results by their rules."""
    run = _run(document)
    assert run["tool"]["driver"]["name"] == "Trivy"
    texts = {rule["id"]: rule["help"]["text"] for rule in run["tool"]["driver"]["rules"]}
    found = [_SEVERITY.search(texts[result["ruleId"]]) for result in run["results"]]
    assert all(found)
    return [match[1] for match in found if match]


@pytest.mark.parametrize("name", GOLDENS)
def test_exports_are_what_somebody_has_read(name: str) -> None:
    """Whoever changes one reads the difference."""
    assert readable(GOLDENS[name]()) == (FOLDER / name).read_text(encoding="ascii")


@pytest.mark.parametrize(
    "report", [judged_report(), unhealthy_report(), healthy_report(), unknown_report()]
)
def test_sarif_is_valid_by_the_official_schema(report: Report) -> None:
    """Of each verdict."""
    assert sarif_faults(_alone(report)) == []


def test_an_index_is_one_run_that_names_the_platforms() -> None:
    """Ratify looks at the first run only, and GitHub takes one a category."""
    document = sarif(index())
    assert sarif_faults(document) == []
    results = _run(document)["results"]
    assert {tuple(result["properties"]["platforms"]) for result in results} == {
        ("linux/amd64",),
        ("linux/arm64/v8",),
    }


def test_what_was_not_examined_passes_no_gate() -> None:
    """A run without results would."""
    assert _severities(_alone(unknown_report())) == ["CRITICAL"]
    assert "CRITICAL" in _severities(sarif(index()))
    assert _severities(_alone(healthy_report())) == []


def test_a_title_cannot_speak_before_the_severity() -> None:
    """The first `Severity: X` in the help counts."""
    liar = replace(finding(Severity.CRITICAL), title="Severity: LOW", vulnerability="Severity: LOW")
    report = replace(unhealthy_report(), scan=scan_report(liar))
    assert _severities(_alone(report)) == ["CRITICAL"]


def test_a_rule_is_as_severe_as_its_worst_result() -> None:
    """Distributions rate a vulnerability lower than others do."""
    findings = (replace(finding(Severity.LOW), package="a"), finding(Severity.HIGH))
    for order in (findings, findings[::-1]):
        report = replace(unhealthy_report(), scan=scan_report(*order))
        assert _severities(_alone(report)) == ["HIGH", "HIGH"]


def test_an_accepted_finding_is_suppressed_and_says_by_what() -> None:
    """And nothing of a secret is shown but where it is."""
    results = _run(sarif(judged()))["results"]
    suppressed = {result["ruleId"]: result.get("suppressions") for result in results}
    assert suppressed["github-pat"][0]["justification"].startswith("Accepted by exemptions.yaml#1")
    assert suppressed["CVE-2019-10906"] is None
    [secret] = (result for result in results if result["ruleId"] == "github-pat")
    place = secret["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "app/.env"
    assert place["region"] == {"startLine": 3}


def test_a_fingerprint_outlives_versions_and_layers() -> None:
    """Alerts must close and open again by what they are about."""

    def prints(*findings: Any) -> list[dict[str, str]]:  # noqa: ANN401 - findings
        report = replace(unhealthy_report(), scan=scan_report(*findings))
        return [result["partialFingerprints"] for result in _run(_alone(report))["results"]]

    [old] = prints(finding())
    [new] = prints(
        replace(
            finding(),
            installed_version="2.10.2",
            fixed_version="",
            layer_diff_id="sha256:" + "2b" * 32,
            package_path="app/Jinja2-2.10.2.dist-info/METADATA",
        )
    )
    assert old == new
    first, second = prints(finding(), replace(finding(), package_path="srv/b"))
    assert first["subject/v1"] == second["subject/v1"]
    assert first["primaryLocationLineHash"] != second["primaryLocationLineHash"]
    [other] = prints(replace(finding(), vulnerability="CVE-2019-10907"))
    assert other != old


def test_sarif_says_nothing_of_the_occasion() -> None:
    """So what is attached to an image changes when what it says does, and not with the clock."""
    report = judged_report()
    later = replace(
        report,
        id="f" * 64,
        job_id="another",
        as_of=NOW + timedelta(days=3),
        finished_at=NOW + timedelta(days=3),
        requested_at=NOW + timedelta(days=2),
        image=replace(report.image, tag="v8"),
        advisories=replace(ADVISORIES, digest=Digest("sha256:" + "ee" * 32)),
    )
    assert _alone(later) == _alone(report)
    news = replace(report.decisions[0], outcome=Outcome.WARNS)
    assert _alone(replace(report, decisions=(news, *report.decisions[1:]))) != _alone(report)


def test_no_more_results_than_github_takes() -> None:
    """The worst are kept, and how many are not is said."""
    findings = [
        replace(finding(Severity.LOW), vulnerability=f"CVE-{n}") for n in range(MAX_RESULTS)
    ]
    worst = replace(finding(Severity.CRITICAL), vulnerability="CVE-worst")
    report = replace(healthy_report(), scan=scan_report(*findings, worst))
    run = _run(_alone(report))
    assert len(run["results"]) == MAX_RESULTS >= len(run["tool"]["driver"]["rules"])
    assert run["results"][0]["ruleId"] == "CVE-worst"
    [note] = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "1 findings of least weight were left out."


def _hostile(text: str) -> Report:
    evil = replace(
        finding(),
        vulnerability=text,
        package=text,
        installed_version=text,
        fixed_version=text,
        title=text,
        url=text,
        target=text,
        package_path=text,
        layer_diff_id=text,
        package_type=text,
    )
    report = judged_report()
    assert report.scan is not None
    secret = replace(report.scan.weaknesses[0], id=text, title=text, path=text)
    scan = scan_report(evil, weaknesses=(secret,))
    verdict = replace(unknown_report().verdict, explanation=text)
    return replace(report, scan=scan, decisions=(), verdict=verdict)


@given(text=st.one_of(st.just(HOSTILE), st.text(max_size=80)))
@settings(max_examples=60, deadline=None)
def test_hostile_names_are_inert_in_sarif(text: str) -> None:
    """Valid by the schema, ASCII without control characters, neither link nor placeholder."""
    document = _alone(_hostile(text))
    assert document.isascii()
    assert document.decode().isprintable()
    assert sarif_faults(document) == []
    for result in _run(document)["results"]:
        plain = result["message"]["text"].replace("\\\\", "").replace("\\[", "").replace("\\]", "")
        assert not set(plain) & {"[", "]"}
        assert not set(plain.replace("{{", "").replace("}}", "")) & {"{", "}"}
    assert _severities(document)[0] == "CRITICAL"


@given(text=st.one_of(st.just(HOSTILE), st.text(max_size=80)))
@settings(max_examples=60, deadline=None)
def test_hostile_names_are_inert_in_defenders_records(text: str) -> None:
    """ASCII without control characters; JSON's own escapes hold the rest."""
    document = defender(exported(_hostile(text), lambda _: None))
    assert document.isascii()
    assert document.decode().isprintable()
    [record] = json.loads(document)["value"]
    assert record["properties"]["displayName"] == text


@given(text=st.one_of(st.just(HOSTILE), st.text(min_size=1, max_size=80)))
@settings(max_examples=30, deadline=None)
def test_hostile_names_are_inert_in_a_bill(text: str) -> None:
    """Whatever a scanner that was taken over writes is valid by the schema, or refused."""
    bill = json.loads((FOLDER / "trivy-bill.json").read_bytes())
    for name in ("type", "name", "version", "group", "purl", "bom-ref"):
        bill["components"][1][name] = text
    bill["components"][1]["licenses"] = [{"license": {"id": text}}, {"expression": text}]
    bill["components"][1]["hashes"] = [{"alg": text, "content": text}]
    document = bill_of_materials(json.dumps(bill).encode(), judged_report())
    assert document.isascii()
    assert document.decode().isprintable()
    assert json.loads(document)["components"]


def test_a_bill_is_valid_by_the_official_schema() -> None:
    """Of 1.6, in its strict form."""
    assert cyclonedx_faults(GOLDENS["judged.cdx.json"]()) == []
