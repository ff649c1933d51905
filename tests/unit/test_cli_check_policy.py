"""By what `pushscan check` judges: a policy with what lies beside it, and tables on exploits."""

import gzip
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from scanner.model import Severity
from scanner.model.exploits import EPSS, KNOWN_EXPLOITED
from tests.checks import check
from tests.examples import NOW, finding, scan_report
from tests.exploit_tables import epss, kev
from tests.local_images import in_folder, layout


@pytest.fixture
def image(tmp_path: Path) -> str:
    """Return the path of a layout."""
    return str(in_folder(layout(), tmp_path / "image"))


def test_a_policy_of_ones_own_decides(image: str, tmp_path: Path) -> None:
    """With the exemptions beside it; what is wrong with one is an error with its line."""
    policy = tmp_path / "strict.yaml"
    text = (
        "version: 1\nname: mine\nrules:\n  - {name: any-at-all, what: {severity: LOW}, outcome: %s}"
    )
    policy.write_text(text % "blocks", encoding="utf-8")
    seen = scan_report(finding(Severity.LOW))
    assert check(image, seen=seen).exit_code == 0
    strict = check(image, "--policy", str(policy), seen=seen)
    assert (strict.exit_code, "any" in strict.stdout) == (1, True)
    policy.write_text(text % "block", encoding="utf-8")
    broken = check(image, "--policy", str(policy), seen=seen)
    assert broken.exit_code == 2
    assert "strict.yaml:4: rules[1].outcome" in broken.stderr


def test_exemptions_beside_the_policy_count(image: str, tmp_path: Path) -> None:
    """As in the app; with PUSHSCAN_POLICY or --policy alike."""
    shipped = files("scanner.policy").joinpath("default_policy.yaml").read_text(encoding="utf-8")
    policy = tmp_path / "policy.yaml"
    policy.write_text(shipped, encoding="utf-8")
    arguments = (image, "--policy", str(policy))
    assert check(*arguments, seen=scan_report(finding())).exit_code == 1
    (tmp_path / "exemptions.yaml").write_text(
        "version: 1\nexemptions:\n  - ids: [CVE-2019-10906]\n    images: ['**']\n"
        f"    owner: shop\n    reason: it is not reached\n    expires: {NOW:%Y}-12-01\n",
        encoding="utf-8",
    )
    accepted = check(*arguments, seen=scan_report(finding()))
    assert (accepted.exit_code, "1 accepted" in accepted.stdout) == (0, True), accepted.output


_BY_EXPLOIT = """version: 1
name: exploits
rules:
  - {name: seen-at-work, what: {kind: vulnerability, known_exploited: true}, outcome: blocks}
  - {name: likely, what: {kind: vulnerability, epss: 0.5}, outcome: blocks}
"""


@pytest.fixture
def by_exploit(tmp_path: Path) -> str:
    """Return the path of a policy that goes by exploits alone."""
    policy = tmp_path / "exploits.yaml"
    policy.write_text(_BY_EXPLOIT, encoding="utf-8")
    return str(policy)


@pytest.mark.parametrize(
    ("tables", "status", "words"),
    [
        ({}, 0, ("known to be exploited (KEV) and how likely an exploit is (EPSS)",)),
        ({KNOWN_EXPLOITED: kev("CVE-2019-10906")}, 1, ("by rule seen-at-work",)),
        ({KNOWN_EXPLOITED: kev("CVE-2021-44228")}, 0, ("vain for how likely",)),
        ({EPSS: epss("CVE-2019-10906,0.9")}, 1, ("by rule likely",)),
        ({EPSS: gzip.compress(epss("CVE-2019-10906,0.9"))}, 1, ("by rule likely",)),
        ({EPSS: epss("CVE-2019-10906,0.1")}, 0, ("vain for what is known",)),
        ({EPSS: epss("CVE-2019-10906,0.1"), KNOWN_EXPLOITED: kev("CVE-2021-44228")}, 0, ()),
    ],
)
def test_what_is_known_of_exploits_decides(
    image: str,
    by_exploit: str,
    tmp_path: Path,
    tables: Mapping[str, bytes],
    status: int,
    words: tuple[str, ...],
) -> None:
    """By the tables that the settings name; what no table says is asked in vain."""
    for name, content in tables.items():
        (tmp_path / name).write_bytes(content)
    sources = {name: str(tmp_path / name) for name in tables}
    seen = scan_report(finding(Severity.LOW))
    result = check(image, "--policy", by_exploit, seen=seen, sources=sources)
    assert result.exit_code == status
    told = " ".join(result.stdout.split())
    assert [word for word in words if word not in told] == []
    assert ("asked in vain" in told) == (status == 0 and len(tables) < 2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"<html>", "is not the table that it should be"),
        (kev("CVE-2019-10906", of=NOW + timedelta(days=2)), "yet to come"),
    ],
)
def test_a_table_that_is_named_and_cannot_be_used_is_an_error(
    image: str, by_exploit: str, tmp_path: Path, content: bytes | None, words: str
) -> None:
    """Whoever named it counts on it: without it the image might pass."""
    source = tmp_path / "kev.json"
    if content is not None:
        source.write_bytes(content)
    result = check(image, "--policy", by_exploit, sources={KNOWN_EXPLOITED: str(source)})
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
