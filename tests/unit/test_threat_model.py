import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
THREATS, RISKS = (
    (ROOT / "docs" / "threat-model.md")
    .read_text(encoding="utf-8")
    .split("\n## What is left, and what to do about it\n")
)
_NAMED = re.compile(r"`((?:scanner|function_app|tests|docs)/[\w./-]+\.\w+)(?:::(\w+))?`")


def _threats() -> dict[str, str]:
    """Split the first part by threat: number -> text."""
    pieces = re.split(r"^\*\*(T\d+) ", THREATS, flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def _risks() -> dict[str, str]:
    pieces = re.split(r"^- \*\*(R\d+) ", RISKS, flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_bytes())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_file_and_test_that_is_named_is_there() -> None:
    """A table that names a test which is gone claims what nothing shows."""
    named = _NAMED.findall(THREATS + RISKS)
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or (name and name not in _functions(ROOT / file))
    ]
    assert missing == []


def test_every_word_that_looks_like_a_file_is_looked_up() -> None:
    """Else a slip of the pen would keep a name from being checked at all."""
    paths = re.findall(r"(?:scanner|function_app|tests)/[\w./-]*\w", THREATS + RISKS)
    assert paths == [file for file, _ in _NAMED.findall(THREATS + RISKS) if "docs/" not in file]


def test_every_threat_names_what_holds_it_back_and_what_shows_that() -> None:
    """A file of the product, and a test."""
    assert _threats()
    for number, text in _threats().items():
        files = [file for file, _ in _NAMED.findall(text)]
        assert [file for file in files if file.startswith(("scanner/", "function_app/"))], number
        assert [file for file in files if file.startswith("tests/")], number


def test_every_remaining_risk_says_what_to_do() -> None:
    """An operator is not left with a warning alone."""
    assert _risks()
    for number, text in _risks().items():
        assert "Do: " in " ".join(text.split()), number


def test_threats_and_risks_are_counted_without_a_gap() -> None:
    """Others refer to them by number."""
    assert list(_threats()) == [f"T{n}" for n in range(1, len(_threats()) + 1)]
    assert list(_risks()) == [f"R{n}" for n in range(1, len(_risks()) + 1)]
    referred = set(re.findall(r"see ([RT]\d+)", THREATS + RISKS))
    assert referred <= _threats().keys() | _risks().keys()


def test_whoever_looks_for_it_finds_it() -> None:
    """From the two files that a stranger opens first."""
    for page in ("README.md", "SECURITY.md"):
        assert "](docs/threat-model.md)" in (ROOT / page).read_text(encoding="utf-8"), page
