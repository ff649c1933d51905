import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scanner.cli import app
from scanner.cli.surroundings import Surroundings
from scanner.errors import PostureError
from scanner.posture.assessment import RULES
from scanner.posture.assessment_json import decode, encode, write_assessment
from scanner.posture.exemptions import Exemption
from scanner.posture.page import page
from scanner.posture.sarif import sarif
from tests.command_line import HOSTILE, OBEYED
from tests.posture import NAMES, NOW, SNAPSHOTS, bundle, changed, judged

GOLDEN = Path(__file__).parent / "posture_tables"


def _pushscan(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["posture", *arguments], obj=Surroundings(now=lambda: NOW))


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_of_the_recorded_registries_are_as_reviewed(name: str) -> None:
    """tests/unit/posture_tables was reviewed line by line; a change to it is to be as well."""
    result = _pushscan("--file", str(SNAPSHOTS / f"{name}.json"))
    assert result.stdout == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["private-cmk"], 0),
        (["private-cmk", "--fail-on", "INFO"], 0),
        (["basic-quickstart"], 1),
        (["half-seen"], 1),
        (["half-seen", "--fail-on", "HIGH"], 3),
    ],
)
def test_the_exit_status_tells_findings_from_what_is_not_known(
    arguments: list[str], status: int
) -> None:
    """Not known is never as good as passed."""
    name, *options = arguments
    assert _pushscan("--file", str(SNAPSHOTS / f"{name}.json"), *options).exit_code == status


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 2),
        (["shop", "--file", "x.json"], 2),
        (["--last", "--subscription", "1"], 2),
        (["--file", "/nowhere.json"], 3),
    ],
)
def test_misuse_and_an_unreadable_file_have_their_own_status(
    arguments: list[str], status: int
) -> None:
    """And say what is wrong in one line on stderr."""
    result = _pushscan(*arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr


def test_exempt_findings_do_not_fail_the_command(tmp_path: Path) -> None:
    """They are shown, with who accepted them."""
    exemptions = tmp_path / "exemptions.json"
    entry = {"registry": "*", "owner": "me", "reason": "old", "expires": "2026-12-31"}
    rules = ("ACR001", "ACR009", "ACR011")
    accepted = [{**entry, "rule": rule} for rule in rules]
    exemptions.write_text(json.dumps({"exemptions": accepted}))
    path = SNAPSHOTS / "basic-quickstart.json"
    result = _pushscan("--file", str(path), "--exemptions", str(exemptions))
    assert result.exit_code == 0
    assert result.stdout.count("accepted by me until 2026-12-31: old") == len(rules)


def _hostile_bundle() -> dict[str, object]:
    document = changed(adminUserEnabled=True)
    document["registry"]["name"] = f"{HOSTILE}<script>alert(1)</script>\"'><img src=x>"
    document["registry"]["location"] = "<b>west</b>"
    document["tokens"] = {"value": [{"name": HOSTILE, "properties": {"status": "enabled"}}]}
    return document


def test_hostile_names_are_harmless_on_a_terminal(tmp_path: Path) -> None:
    """Nothing of them is obeyed, in any format."""
    path = tmp_path / "registry.json"
    path.write_text(json.dumps(_hostile_bundle()))
    for form in ("table", "json", "sarif", "html"):
        output = _pushscan("--file", str(path), "--format", form).stdout
        assert "ACR001" in output
        assert [character for character in OBEYED if character in output] == []


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_hostile_names_are_text_in_html() -> None:
    """No element and no attribute that is not ours."""
    ours, theirs = _Elements(), _Elements()
    ours.feed(page([judged(changed(adminUserEnabled=True))]))
    written = page([judged(_hostile_bundle())])
    theirs.feed(written)
    assert (theirs.names, theirs.attributes) == (ours.names, ours.attributes)
    assert "script" not in theirs.names
    assert "&lt;script&gt;" in written


def test_stored_text_is_made_harmless_again() -> None:
    """Whoever wrote the blob may have been of another version."""
    assessment = judged(bundle())
    first = replace(assessment.findings[0], evidence=HOSTILE)
    written = page([replace(assessment, registry=HOSTILE, findings=(first,))])
    assert [character for character in OBEYED if character in written] == []


def test_the_page_loads_nothing() -> None:
    """No script, no link, no address but those in the text."""
    written = page([judged(bundle(name)) for name in NAMES])
    assert re.findall(r"(?:src|href|action)\s*=", written) == []
    assert "default-src 'none'" in written


@pytest.mark.parametrize("name", NAMES)
def test_what_is_stored_is_read_back_the_same(name: str) -> None:
    """With and without an exemption."""
    plain = judged(bundle(name))
    exemption = Exemption(registry="*", rule="ACR001", owner="me", reason="old", expires=NOW.date())
    first = replace(plain.findings[0], exemption=exemption)
    for assessment in (plain, replace(plain, findings=(first, *plain.findings[1:]))):
        assert decode(encode(assessment)) == assessment


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema_version": 2}', b"[" * 100_000])
def test_a_stored_result_that_cannot_be_read_is_our_own_fault(content: bytes) -> None:
    """Told as one error."""
    with pytest.raises(PostureError):
        decode(content)


def test_json_names_rule_control_policy_and_remedy() -> None:
    """What a program needs to open a ticket."""
    written = write_assessment(judged(bundle("basic-quickstart")))
    assert written["findings"][0] == {
        "rule": "ACR001",
        "control": "Admin user off",
        "outcome": "fail",
        "severity": "HIGH",
        "evidence": "adminUserEnabled = true",
        "remedy": "az acr update --name crquickstart --admin-enabled false",
        "policies": [
            "dc921057-6b28-4fbe-9b83-f7bec05db6c2",
            "79fdfe03-ffcb-4e55-b4d0-b925b8241759",
        ],
        "exemption": None,
    }


def test_sarif_has_a_result_for_each_rule_and_registry() -> None:
    """Kinds and levels go together as the specification asks (3.27.9, 3.27.10)."""
    document = sarif([judged(bundle(name)) for name in NAMES])
    (run,) = document["runs"]
    assert len(run["results"]) == len(NAMES) * len(RULES)
    assert len({r["partialFingerprints"]["registryAndRule/v1"] for r in run["results"]}) == 100
    for result in run["results"]:
        assert (result["kind"] == "fail") == (result["level"] != "none")
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert " " not in result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
