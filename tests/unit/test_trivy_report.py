"""Trivy's report and messages, hostile or not, become evidence or a reason."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import FixStatus, Rating, ScanReport, Severity, Unexaminable, UnknownReason
from scanner.text import visible
from scanner.trivy import report as report_module
from scanner.trivy.messages import MAX_WARNINGS, parse_warnings
from scanner.trivy.report import parse_report

_VULNERABILITY = {
    "VulnerabilityID": "CVE-2099-1000",
    "PkgName": "left-pad",
    "PkgPath": "app/node_modules/left-pad/package.json",
    "InstalledVersion": "1.0.0",
    "FixedVersion": "1.0.1",
    "Status": "fixed",
    "Layer": {"Digest": "sha256:aa", "DiffID": "sha256:bb"},
    "SeveritySource": "ghsa",
    "PrimaryURL": "https://example.org/CVE-2099-1000",
    "Title": "pads the wrong side",
    "Severity": "HIGH",
}


def _report(*vulnerabilities: dict[str, Any], **more: Any) -> bytes:  # noqa: ANN401 - JSON
    result = {
        "Target": "Node.js",
        "Class": "lang-pkgs",
        "Type": "node-pkg",
        "Packages": [{"ID": "left-pad@1.0.0", "Name": "left-pad", "Dependencies": [1]}] * 3,
        "Vulnerabilities": list(vulnerabilities),
    }
    return json.dumps({"SchemaVersion": 2, "Results": [result], **more}).encode()


def _parsed(untrusted: bytes) -> ScanReport:
    seen = parse_report(untrusted)
    assert isinstance(seen, ScanReport), seen
    return seen


def test_a_finding_is_read_field_by_field() -> None:
    """What a verdict and a reader need."""
    (finding,) = _parsed(_report(_VULNERABILITY)).findings
    assert finding.vulnerability == "CVE-2099-1000"
    assert finding.severity is Severity.HIGH
    assert finding.severity_source == "ghsa"
    assert (finding.package, finding.installed_version) == ("left-pad", "1.0.0")
    assert (finding.fixed_version, finding.status) == ("1.0.1", FixStatus.FIXED)
    assert (finding.package_class, finding.package_type) == ("lang-pkgs", "node-pkg")
    assert finding.package_path == "app/node_modules/left-pad/package.json"
    assert finding.layer_diff_id == "sha256:bb"
    assert (finding.title, finding.url) == ("pads the wrong side", _VULNERABILITY["PrimaryURL"])


def test_what_each_source_says_is_kept() -> None:
    """By their names; the score is that of the newest CVSS."""
    said = {
        "VendorSeverity": {"nvd": 4, "ghsa": 3, "odd": 9},
        "CVSS": {"nvd": {"V2Score": 5.0, "V3Score": 9.8}, "redhat": {"V2Score": 4.3}},
        "PublishedDate": "2019-04-07T00:29:00.123456789Z",
    }
    (finding,) = _parsed(_report(_VULNERABILITY | said)).findings
    assert finding.ratings == (
        Rating(source="ghsa", severity=Severity.HIGH),
        Rating(source="nvd", severity=Severity.CRITICAL, score=9.8),
        Rating(source="redhat", score=4.3),
    )
    assert finding.published_at == datetime(2019, 4, 7, 0, 29, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize("date", ["", "soon", "2019-04-07", "0001-01-01T00:00:00Z"])
def test_a_date_that_is_none_is_not_kept(date: str) -> None:
    """Go writes the year 1 for no time."""
    (finding,) = _parsed(_report(_VULNERABILITY | {"PublishedDate": date})).findings
    assert finding.published_at is None


def test_packages_are_counted_by_where_they_were_listed() -> None:
    """Counts are the proof that something was looked at."""
    seen = _parsed(_report())
    (group,) = seen.package_groups
    assert (group.target, group.package_type, group.package_count) == ("Node.js", "node-pkg", 3)
    assert seen.package_count == 3


def test_the_operating_system_is_named() -> None:
    """Its end of life with it."""
    metadata = {"OS": {"Family": "debian", "Name": "9.13", "EOSL": True}}
    system = _parsed(_report(Metadata=metadata)).operating_system
    assert system is not None
    assert (system.family, system.name, system.is_end_of_life) == ("debian", "9.13", True)


@pytest.mark.parametrize("metadata", [{}, {"OS": None}, {"OS": {"Family": "none", "Name": ""}}])
def test_an_unrecognised_operating_system_is_none(metadata: dict[str, Any]) -> None:
    """Trivy writes the family `none` for a distribution it does not know."""
    assert _parsed(_report(Metadata=metadata)).operating_system is None


def test_an_image_in_which_nothing_was_recognised_gives_an_empty_report() -> None:
    """Whether that is healthy is not decided here."""
    assert _parsed(b'{"SchemaVersion":2,"Metadata":{}}').package_groups == ()


def test_nothing_of_the_image_config_is_kept() -> None:
    """Environment values and history never leave the parser."""
    config = {"config": {"Env": ["PASSWORD=hunter2"]}, "history": [{"created_by": "hunter2"}]}
    seen = _parsed(_report(_VULNERABILITY, Metadata={"ImageConfig": config}))
    assert "hunter2" not in repr(seen)


def test_findings_are_sorted_worst_first_whatever_the_order() -> None:
    """Equal images give equal reports."""
    low = {**_VULNERABILITY, "Severity": "LOW", "VulnerabilityID": "CVE-2099-0001"}
    twin = {**_VULNERABILITY, "PkgPath": "other/package.json"}
    forth = _parsed(_report(low, _VULNERABILITY, twin))
    back = _parsed(_report(twin, _VULNERABILITY, low))
    assert forth == back
    assert [f.severity for f in forth.findings] == [Severity.HIGH, Severity.HIGH, Severity.LOW]


@pytest.mark.parametrize(
    "untrusted",
    [
        b"",
        b"{}",
        b"null",
        b'{"SchemaVersion":1}',
        b'{"SchemaVersion":3,"Results":[]}',
        b'{"SchemaVersion":2,"Results":[{"Target":7}]}',
        b'{"SchemaVersion":2,"Results":{}}',
        _report({**_VULNERABILITY, "Severity": "AWFUL"}),
        _report({**_VULNERABILITY, "Status": "maybe"}),
        _report(_VULNERABILITY)[:-9],
        b'{"SchemaVersion":2,"Results":' + b"[" * 100_000,
        b'{"SchemaVersion":2,"Metadata":{"OS":{"Family":"\xff"}}}',
    ],
)
def test_a_report_that_cannot_be_read_is_no_evidence(untrusted: bytes) -> None:
    """It is neither an error of ours nor a clean image."""
    seen = parse_report(untrusted)
    assert isinstance(seen, Unexaminable)
    assert seen.reason is UnknownReason.SCANNER_CRASH


def test_more_findings_than_are_kept_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left out silently."""
    monkeypatch.setattr(report_module, "MAX_FINDINGS", 2)
    seen = parse_report(_report(*[_VULNERABILITY] * 3))
    assert isinstance(seen, Unexaminable)
    assert seen.reason is UnknownReason.OUTPUT_LIMIT


@given(st.binary(max_size=300))
def test_any_bytes_become_a_report_or_a_reason(untrusted: bytes) -> None:
    """And never an exception."""
    parse_report(untrusted, untrusted)


@given(st.text(max_size=80))
def test_hostile_text_is_kept_printable_and_short(text: str) -> None:
    """In every field of a finding."""
    fields = dict.fromkeys(("VulnerabilityID", "PkgName", "Title", "PkgPath"), text * 40)
    seen = parse_report(_report({**_VULNERABILITY, **fields}))
    if isinstance(seen, ScanReport):
        (finding,) = seen.findings
        for kept in (finding.vulnerability, finding.package, finding.title, finding.package_path):
            assert kept.isprintable()
            assert len(kept) <= 1024 * 10


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb", r"a\nb"),
        ("a\x9bb", r"a\x9bb"),
        ("a\u202eb", r"a\u202eb"),
        ("a\u2028b", r"a\u2028b"),
        ("a\ud800b", r"a\ud800b"),
        ("<b>å 漢", "<b>å 漢"),
    ],
)
def test_what_does_not_show_is_written_as_an_escape(hostile: str, shown: str) -> None:
    """Controls, line separators, overrides, surrogates; letters of any script stay."""
    assert visible(hostile, 100) == shown


def test_warnings_are_kept_without_their_time() -> None:
    """Equal images warn equally."""
    messages = (
        b"2026-11-22T18:20:33Z\tINFO\tDetected OS\tfamily=x\n"
        b'2026-11-22T18:20:33Z\tWARN\t[dpkg] Parse error\tfile_path="a" err="b"\n'
        b"2026-11-22T18:20:33Z\tERROR\tbad\x1b[2J\n"
        b"WARN\tnot a line of Trivy's\n"
    )
    assert parse_warnings(messages) == (
        'not examined: [dpkg] Parse error file_path="a" err="b"',
        r"bad\x1b[2J",
    )


def test_the_order_in_which_trivy_warns_does_not_matter() -> None:
    """It reads files side by side; of more warnings than are kept, the same ones are."""
    lines = [b"t\tWARN\twarning %d" % number for number in range(MAX_WARNINGS + 5)]
    assert parse_warnings(b"\n".join(lines)) == parse_warnings(b"\n".join(reversed(lines)))


def test_warnings_are_capped_and_the_rest_is_counted() -> None:
    """In number and in length."""
    warnings = parse_warnings(b"t\tWARN\t%s\n" % (b"x" * 9999) * 250)
    assert len(warnings) == 101
    assert max(map(len, warnings)) == 400
    assert warnings[-1] == "150 more warnings were left out"


@pytest.mark.parametrize(
    "message",
    [
        'DEBUG\t[analyzer] Analysis error\terr="failed to parse a/package.json"',
        'DEBUG\tWalk error\tfile_path="x-1.dist-info/METADATA" err="parse error"',
        'DEBUG\t[jar] No such POM in the central repositories\tfile="x.jar"',
        'WARN\t[dpkg] Invalid version\tOS="debian" package="x" version="!"',
        'DEBUG\t[alpine] Failed to parse the installed package version\terr="invalid version"',
    ],
)
def test_what_trivy_passed_over_is_kept_apart(message: str) -> None:
    """Before the other warnings, so that no number of these can push it out."""
    noise = "TIME\tWARN\tnoise\n" * (MAX_WARNINGS + 1)
    seen = parse_report(b'{"SchemaVersion":2}', f"{noise}TIME\t{message}\n".encode())
    assert isinstance(seen, ScanReport)
    assert len(seen.unexamined) == 1
    assert not seen.without_advisories


def test_a_release_without_advisories_is_told_apart() -> None:
    """Trivy lists its packages, finds nothing, and warns."""
    messages = b'TIME\tWARN\tThis OS version is not on the EOL list\tfamily="alpine"\n'
    seen = parse_report(b'{"SchemaVersion":2}', messages)
    assert isinstance(seen, ScanReport)
    assert seen.without_advisories
    assert seen.unexamined == ()


def test_packages_of_a_supplier_are_without_the_distributions_advisories() -> None:
    """Trivy 0.76 spares whoever says so; the image needs one empty file for it."""
    system = {"Family": "debian", "Name": "12.15", "Supplier": "rapid\x1bfort"}
    seen = _parsed(_report(Metadata={"OS": system}))
    assert seen.without_advisories == (
        r"no advisories: the image says that its packages were rebuilt by rapid\x1bfort",
    )
    assert seen.warnings == seen.without_advisories


def test_messages_that_were_cut_may_have_named_anything() -> None:
    """Whoever floods the error stream must not be able to hide a line in it."""
    seen = parse_report(b'{"SchemaVersion":2}', b"", has_all_messages=False)
    assert isinstance(seen, ScanReport)
    assert len(seen.unexamined) == 1


def test_what_an_error_quotes_from_a_file_is_not_kept() -> None:
    """It may be a password; the path and the kind of error are enough."""
    messages = (
        b'TIME\tWARN\t[dpkg] Parse error\tfile_path="var/lib/dpkg/status" '
        b'err="malformed MIME header: missing colon: \\"PASSWORD=hunter2\\""\n'
        b'TIME\tWARN\tCannot parse dependency\tline="PASSWORD=hunter2"\n'
        b'TIME\tDEBUG\t[analyzer] Analysis error\terr="failed to parse a/package.json: hunter2"\n'
    )
    kept = parse_warnings(messages)
    assert len(kept) == 3
    assert "hunter2" not in str(kept)
    assert "var/lib/dpkg/status" in str(kept)
    assert "a/package.json" in str(kept)


def test_other_debug_lines_are_not_kept() -> None:
    """There are hundreds, and they say nothing about the image."""
    assert parse_warnings(b'TIME\tDEBUG\t[jar] Parsing Java artifacts...\tfile_path="x"\n') == ()


def test_what_the_report_says_too_is_no_warning() -> None:
    """Nor what a process says once: of two equal images one would have it and the other not."""
    messages = (
        b'TIME\tWARN\tThis OS version is no longer supported by the distribution\tfamily="debian"\n'
        b"TIME\tWARN\tThe vulnerability detection may be insufficient because security updates"
        b" are not provided\n"
        b"TIME\tWARN\tUsing severities from other vendors for some vulnerabilities. Read it.\n"
        b"TIME\tWARN\tSomething else\n"
    )
    assert parse_warnings(messages) == ("Something else",)
