"""Checks that what is asked of a resource, a module or an object is there."""

import json
from collections.abc import Mapping
from pathlib import Path

from local.bicep import tree
from local.bicep.findings import Findings
from local.bicep.kinds import Symbols
from local.bicep.schemas import Shape, Slice, slices

_OF_EACH_RESOURCE = {"id", "name", "type", "apiVersion"}


def check_member(
    member: tree.Member,
    symbols: Symbols,
    outputs: Mapping[str, frozenset[str]],
    findings: Findings,
) -> None:
    """Note a property that nothing has; `outputs` says which a module of this file has."""
    chain = _chain(member)
    if chain is None:
        return
    name, path = chain
    match symbols.get(name):
        case tree.Resource() as resource:
            known = slices().get(resource.type.lower())
            if known is not None and path[0] not in _OF_EACH_RESOURCE:
                _in_schema(member, known, path, findings)
        case tree.Module() as module if module.name in outputs:
            if path[0] not in {"outputs", "name"}:
                findings.add(member, "member", f"a module has no {path[0]}")
            elif path[1:] and path[1] not in outputs[module.name]:
                findings.add(member, "module-output", f"{module.path} has no output {path[1]}")
        case tree.Variable(value=value):
            keys = _keys(value, findings.path)
            if keys is not None and path[0] not in keys:
                findings.add(member, "member", f"{name} has no {path[0]}")


def item_keys(loop: tree.Loop, symbols: Symbols) -> frozenset[str] | None:
    """Return the keys that each item of what is looped over has; None where unknown."""
    match loop.over:
        case tree.Call(function="items"):
            return frozenset({"key", "value"})
        case tree.Name(name=name):
            declaration = symbols.get(name)
            if isinstance(declaration, tree.Variable):
                return _common_keys(declaration.value, symbols)
    return None


def _common_keys(value: tree.Expression, symbols: Symbols) -> frozenset[str] | None:
    """Return the keys common to the objects of arrays, choices, concatenations, and names."""
    match value:
        case tree.Array(items=items) if items:
            groups = [_keys(item, Path()) for item in items]
        case tree.Array():
            return None
        case tree.Call(function="concat", arguments=parts):
            groups = [_common_keys(part, symbols) for part in parts]
        case tree.Operation(operator="?", operands=(_, then, otherwise)):
            groups = [_common_keys(side, symbols) for side in (then, otherwise)]
        case tree.Name(name=name) if isinstance(symbols.get(name), tree.Variable):
            declaration = symbols[name]
            return (
                _common_keys(declaration.value, symbols)
                if isinstance(declaration, tree.Variable)
                else None
            )
        case _:
            return None
    known = [group for group in groups if group is not None]
    return frozenset.intersection(*known) if known else None


def _chain(member: tree.Member) -> tuple[str, list[str]] | None:
    """Return `a` and `[b, c]` of `a.b.c`; an index is stepped over."""
    path: list[str] = []
    of: tree.Expression = member
    while isinstance(of, tree.Member | tree.Index):
        if isinstance(of, tree.Member):
            path.insert(0, of.name)
        of = of.of
    return (of.name, path) if isinstance(of, tree.Name) else None


def _in_schema(member: tree.Member, known: Slice, path: list[str], findings: Findings) -> None:
    shape: Shape | None = known.body
    for step, name in enumerate(path):
        if shape is None or shape.variants or (shape.further is not None):
            return
        if name not in shape.properties:
            findings.add(member, "member", f"{known.type} has no {'.'.join(path[: step + 1])}")
            return
        type_ = shape.properties[name].rstrip("!#").removesuffix("[]")
        shape = known.types.get(type_)


def _keys(value: tree.Expression, path: Path) -> frozenset[str] | None:
    match value:
        case tree.Object(properties=properties):
            keys = [one.key.literal for one in properties]
            return frozenset(key for key in keys if key is not None) if None not in keys else None
        case tree.Call(function="loadJsonContent", arguments=(tree.Text() as name, *_)):
            loaded = json.loads((path.parent / (name.literal or "")).read_text(encoding="utf-8"))
            return frozenset(loaded) if isinstance(loaded, dict) else None
    return None
