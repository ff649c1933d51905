"""YAML as a tree that remembers its lines; nothing in it makes objects or refers elsewhere.

A subset on purpose: no tags, no anchors, no aliases, no duplicate names, one document. So a text
of the largest size allowed cannot grow, and what a person reads is what is meant.
"""

from dataclasses import dataclass
from typing import Final

import yaml

from scanner.errors import PolicyError, PolicyFault

MAX_BYTES: Final = 1 << 20
_MAX_DEPTH: Final = 16
_MAX_NODES: Final = 20_000
_NULL: Final = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A value as it is written; None where nothing is."""

    line: int
    text: str | None
    is_quoted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list."""

    line: int
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Named members, and the line of each name."""

    line: int
    members: "dict[str, Node]"
    lines: dict[str, int]


Node = Scalar | Listed | Mapped


def parse(name: str, untrusted_text: bytes) -> Node:
    """Read one YAML document; JSON is YAML too.

    Raises PolicyError with the file's name and the line at fault.
    """
    if len(untrusted_text) > MAX_BYTES:
        raise _error(name, 1, f"the file is larger than {MAX_BYTES} bytes")
    try:
        text = untrusted_text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = untrusted_text.count(b"\n", 0, error.start) + 1
        raise _error(name, line, "is not UTF-8") from error
    try:
        _refuse_tricks(name, text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _error(name, mark.line + 1 if mark else 1, f"is not YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _error(name, 1, "is not YAML") from error
    if root is None:
        raise _error(name, 1, "is empty")
    faults: list[PolicyFault] = []
    tree = _tree(root, "", name, faults)
    if faults:
        raise PolicyError(faults)
    return tree


def _refuse_tricks(name: str, text: str) -> None:
    """Look at the events before any tree is built: they cost no more than the text."""
    depth, line = 0, 1
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        line = event.start_mark.line + 1 if event.start_mark else line
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _error(name, line, "has an anchor or alias: write it out")
        if getattr(event, "tag", None) is not None:
            raise _error(name, line, "has a tag: leave it out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH or count > _MAX_NODES:
            raise _error(name, line, "is nested too deep, or has too much in it")


def _tree(node: yaml.Node, field: str, name: str, faults: list[PolicyFault]) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        text = None if node.tag == _NULL else str(node.value)
        return Scalar(line=line, text=text, is_quoted=node.style in {"'", '"'})
    if isinstance(node, yaml.SequenceNode):
        items = (_tree(n, f"{field}[{at}]", name, faults) for at, n in enumerate(node.value, 1))
        return Listed(line=line, items=tuple(items))
    members: dict[str, Node] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        at = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            faults.append(PolicyFault(file=name, line=at, field=field, problem="has no name"))
            continue
        inner = f"{field}.{key.value}" if field else str(key.value)
        if key.value in members:
            faults.append(PolicyFault(file=name, line=at, field=inner, problem="is there twice"))
            continue
        members[str(key.value)] = _tree(value, inner, name, faults)
        lines[str(key.value)] = at
    return Mapped(line=line, members=members, lines=lines)


def _error(name: str, line: int, problem: str) -> PolicyError:
    return PolicyError([PolicyFault(file=name, line=line, field="", problem=problem)])
