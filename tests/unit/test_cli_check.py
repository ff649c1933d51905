import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.errors import AdvisoriesError, PushscanError, RegistryError, SandboxUnavailableError
from scanner.model import (
    Severity,
)
from tests.checks import check
from tests.command_line import HOSTILE, OBEYED
from tests.examples import ADVISORIES, NOW, finding, scan_report
from tests.local_images import in_archive, in_folder, layout
from tests.schemas import sarif_faults


@pytest.fixture
def image(tmp_path: Path) -> str:
    """Return the path of a layout."""
    return str(in_folder(layout(), tmp_path / "image"))


def test_the_exit_status_is_the_verdict(image: str) -> None:
    """0 healthy, 1 unhealthy, 3 unknown."""
    assert check(image).exit_code == 0
    unhealthy = check(image, seen=scan_report(finding(Severity.CRITICAL)))
    assert unhealthy.exit_code == 1
    assert "UNHEALTHY" in unhealthy.stdout
    assert "jinja2 2.10 -> 2.10.1" in unhealthy.stdout
    assert "Upgrade jinja2 (python-pkg) from 2.10 to 2.10.1" in unhealthy.stdout
    stale = check(image, database=replace(ADVISORIES, updated_at=NOW - timedelta(days=30)))
    assert (stale.exit_code, "stale-advisories" in stale.stdout) == (3, True)


@pytest.mark.parametrize(
    ("outage", "status"),
    [
        (AdvisoriesError("no advisories: run `pushscan advisories update`"), 3),
        (SandboxUnavailableError("no sandbox"), 2),
        (RegistryError("out of reach"), 2),
    ],
)
def test_what_prevents_a_check_is_never_healthy(
    image: str, outage: PushscanError, status: int
) -> None:
    """Missing advisories are the unknown that a pipeline may want to tell from an error."""
    result = check(image, outage=outage)
    assert (result.exit_code, result.stdout) == (status, "")
    assert str(outage) in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.tar",), "neither a file or folder nor"),
        (("contoso.azurecr.io/shop/cart",), "say which of"),
        (("evil.azurecr.io.attacker.example/x:1",), "is no registry on Azure"),
        (("contoso.azurecr.io/UPPER:1",), "neither a file or folder nor"),
        (("{image}", "--as", "not a name"), "neither a file or folder nor"),
        (("{image}", "--platform", "windows/amd64"), "not of windows/amd64"),
        (("{image}/index.json",), "is no tar archive"),
    ],
)
def test_a_wrong_name_is_an_error_of_one_line(
    image: str, arguments: tuple[str, ...], words: str
) -> None:
    """With exit status 2."""
    result = check(*(argument.format(image=image) for argument in arguments))
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""


def test_programs_get_sarif_or_json(image: str, tmp_path: Path) -> None:
    """And nothing else on standard output, of an archive too."""
    archive = str(in_archive(layout(), tmp_path))
    seen = scan_report(finding())
    named = ("--as", "contoso.azurecr.io/shop/cart:v9")
    result = check(archive, "--format", "sarif", *named, seen=seen)
    assert result.exit_code == 1
    assert sarif_faults(result.stdout.encode()) == []
    assert "contoso.azurecr.io/shop/cart@sha256:" in result.stdout
    document = json.loads(check(image, "--format", "json", *named, seen=seen).stdout)
    assert (document["verdict"], document["reason"]) == ("unhealthy", None)
    assert document["image"] == "contoso.azurecr.io/shop/cart:v9"
    assert document["report"]["schema"] == "pushscan.report/v1"
    sample = check(image, "--format", "json", database=replace(ADVISORIES, source="bundled-sample"))
    assert "sample advisories" in sample.stderr
    assert json.loads(sample.stdout)


def test_github_gets_ten_errors_and_the_number_of_the_others(image: str) -> None:
    """As many as it shows; the verdict comes last."""
    findings = [replace(finding(), vulnerability=f"CVE-2026-{n:04}") for n in range(12)]
    result = check(image, "--format", "github", seen=scan_report(*findings))
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "::error title=HIGH CVE-2026-0000::jinja2 2.10, fixed in 2.10.1. sandbox escape"
    )
    assert lines[10] == "::notice::2 more errors"
    assert lines[11].startswith("::error title=localhost/image@sha256%3A")
    assert len(lines) == 12
    healthy = check(image, "--format", "github").stdout.splitlines()
    assert [line.partition(" ")[0] for line in healthy] == ["::notice"]


def test_what_github_would_read_as_escapes_is_shown_as_it_is(image: str) -> None:
    """A percent sign is one, and no line break comes out of it."""
    evil = replace(finding(), title="100%0A::error::x", vulnerability="a:b,c%3A")
    [line, _] = check(image, "--format", "github", seen=scan_report(evil)).stdout.splitlines()
    assert line.startswith("::error title=HIGH a%3Ab%2Cc%253A::")
    assert line.endswith(" 100%250A::error::x")


_COMMANDS = (
    "\n::set-output name=x::y\n##[add-path]/evil\n##vso[task.setvariable variable=x]y %0A::error::"
)


@pytest.mark.parametrize("form", ["table", "json", "sarif", "github"])
@pytest.mark.parametrize("text", [HOSTILE, _COMMANDS, "a,b:c%2C"])
def test_no_name_is_a_command_to_terminal_or_pipeline(image: str, form: str, text: str) -> None:
    """GitHub obeys `::` at the start of a line, both it and Azure `##` anywhere in one."""
    evil = replace(finding(), vulnerability=text, package=text, installed_version=text, title=text)
    result = check(image, "--format", form, seen=scan_report(evil))
    assert result.exit_code == 1
    assert not [character for character in OBEYED if character in result.stdout]
    assert "##" not in result.stdout
    for line in result.stdout.splitlines():
        command = line.strip().startswith("::")
        assert not command or form == "github"
        if command:
            assert line.startswith(("::error", "::notice"))
            properties = line.split("::")[1]
            assert properties.count(",") == 0
            assert properties.count(":") == 0
    if form == "github":
        assert len(result.stdout.splitlines()) == 2
