import re
from pathlib import Path

from scanner.posture.assessment import RULES
from scanner.posture.rule import ALL_SKUS, Rule
from scanner.posture.snapshot import Sku

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "controls.md").read_text(encoding="utf-8")


def _row(rule: Rule) -> str:
    skus = "all" if rule.skus == ALL_SKUS else ", ".join(sku for sku in Sku if sku in rule.skus)
    cells = (
        rule.id,
        rule.control,
        f"`{rule.reads}`",
        rule.severity.name,
        skus,
        "<br>".join(f"`{policy}`" for policy in rule.policies) or "none",
        ", ".join(rule.other_checks) or "none",
    )
    return f"| {' | '.join(cells)} |"


def test_the_table_of_the_page_is_the_table_of_the_rules() -> None:
    """Control, property, severity, SKU, policy and kindred checks, row by row."""
    assert re.findall(r"^\| ACR\d.*$", PAGE, re.MULTILINE) == [_row(rule) for rule in RULES]


def test_every_rule_is_told_to_a_control_of_the_source_documents() -> None:
    """And to one only."""
    section = PAGE.partition("## Which control")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"ACR\d{3}", section)) == [rule.id for rule in RULES]


def test_every_file_that_the_page_names_is_there() -> None:
    """A control that is set nowhere would be a wish."""
    named = re.findall(r"`((?:infra|scanner|local)/[\w./-]+)`", PAGE)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_policies_are_ids_and_no_two_rules_are_called_the_same() -> None:
    """A slip in an id would send people to another policy."""
    assert len({rule.id for rule in RULES}) == len({rule.control for rule in RULES}) == 20
    for policy in (policy for rule in RULES for policy in rule.policies):
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", policy)
