import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from scanner.cli import app
from scanner.cli.check import Format as CheckFormat
from scanner.cli.export import Format as ExportFormat
from tests.schemas import builtin

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def _commands(text: str) -> list[list[str]]:
    """Return the words of each `pushscan ...` in a script, continued lines joined."""
    joined = text.replace("\\\n", " ")
    lines = (line.partition(" > ")[0] for line in joined.splitlines())
    found = (re.search(r"(?:^|\s)pushscan ([a-z].*)", line.partition("#")[0]) for line in lines)
    return [shlex.split(match[1]) for match in found if match]


def _loaded(text: str) -> Any:  # noqa: ANN401 - YAML
    # YAML 1.2, as both services read it: `on` is a word and no truth.
    return YAML(typ="safe", pure=True).load(text)


def _as_text(node: Any) -> Any:  # noqa: ANN401 - YAML
    if isinstance(node, dict):
        return {name: _as_text(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_as_text(value) for value in node]
    return str(node).lower() if isinstance(node, bool) else node


@pytest.mark.parametrize(
    ("example", "schema"),
    list(zip(EXAMPLES, ("github-workflows", "azure-pipelines"), strict=True)),
    ids=["github", "azure"],
)
def test_an_example_is_what_the_service_takes(example: str, schema: str) -> None:
    """By the schema that its editors use."""
    found = builtin(schema)
    kind = jsonschema.validators.validator_for(found)
    document = _loaded(example)
    if schema == "azure-pipelines":
        # It describes all scalars as text, which is how the service reads them.
        document = _as_text(document)
    assert [error.message for error in kind(found).iter_errors(document)] == []


def test_actions_are_pinned_by_commit() -> None:
    """A tag can be moved, and has been."""
    used = re.findall(r"uses: (\S+)", EXAMPLES[0])
    assert len(used) == 4
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
    for example in EXAMPLES:
        assert re.search(r"pushscan@sha256:0{64}", example, re.IGNORECASE)


@pytest.mark.parametrize("text", [PAGE, *EXAMPLES])
def test_each_command_and_option_exists(text: str) -> None:
    """So a renamed option breaks the build and not somebody's pipeline."""
    commands = _commands(text)
    assert len(commands) >= 2
    for words in commands:
        # Options are parsed before the help is given.
        result = CliRunner().invoke(app, [*words, "--help"])
        assert result.exit_code == 0, (words, result.output)
        formats = {"check": CheckFormat, "export": ExportFormat}.get(words[0])
        if formats and "--format" in words:
            value = words[words.index("--format") + 1]
            assert value.startswith(("$", "...")) or value in list(formats)


def test_nothing_is_checked_with_a_network() -> None:
    """What opens images has none here either."""
    for example in EXAMPLES:
        for line in example.replace("\\\n", " ").splitlines():
            if "pushscan check" in line:
                assert "--network none" in line
