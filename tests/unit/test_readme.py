import json
import re
from pathlib import Path

from scanner import settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_names_what_is_read_and_nothing_else() -> None:
    """A setting that nobody documented, or that nothing reads, breaks the build."""
    documented = re.findall(r"^\| `([A-Z][A-Za-z_]+)` \|", README, re.MULTILINE)
    assert sorted(documented) == sorted(settings.names())


def test_every_file_that_the_documents_link_to_exists() -> None:
    """A link that leads nowhere is a promise broken."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    targets = [
        (page.name, page.parent / target)
        for page in pages
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    ]
    assert targets
    assert [str(target) for _, target in targets if not target.exists()] == []


def test_the_commands_of_the_readme_are_made() -> None:
    """Each `make` target that is told of is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test", "run"} <= told
    for target in told:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_host_gives_up_after_a_scan_would() -> None:
    """The limit must outlast a pull (5 min) and the longest scan (9 min)."""
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    assert hours * 3600 + minutes * 60 + seconds >= 300 + 540 + 60
