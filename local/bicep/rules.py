"""Checks of one file that need no schema: secrets, identifiers, comparisons, places of loops."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from local.bicep import tree
from local.bicep.findings import Findings
from local.bicep.kinds import Symbols, kind_of, texts_of
from local.bicep.names import roots

_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECRET_NAME = re.compile(r"(?i)(secret|password|sharedkey|accountkey|token)$")
_BROAD_ACTION = re.compile(r"(?i)\*|/(?:write|delete)$|/(?:list|get|(?:re)?generate)\w*/action$")
_LENGTHS = {"minLength", "maxLength", "minValue", "maxValue"}


def check_rules(file: tree.File, findings: Findings) -> None:
    """Note what is well formed and wrong all the same."""
    symbols = file.symbols()
    for one in file.declarations:
        match one:
            case tree.Parameter():
                _parameter(one, symbols, findings)
            case tree.Output():
                _output(one, symbols, findings)
            case tree.Resource(body=body) | tree.Module(body=body):
                _dependencies(body, symbols, findings)
    for expression in everything(file):
        _identifier(expression, findings)
        _actions(expression, findings)
        _operation(expression, symbols, findings)
        _address(expression, symbols, findings)
    for root in roots(file):
        _loops(root, findings)


def everything(file: tree.File) -> Iterator[tree.Expression]:
    """Yield every expression of a file."""
    waiting = list(roots(file))
    while waiting:
        expression = waiting.pop()
        yield expression
        waiting.extend(tree.parts(expression))


@lru_cache(maxsize=1)
def builtins() -> dict[str, dict[str, Any]]:
    """Return the built-in roles and policies that `infra/` uses, by id: names, actions, effects."""
    return {**_known()["policies"], **_known()["roles"]}


@lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    path = Path(__file__).parent / "builtins.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _parameter(one: tree.Parameter, symbols: Symbols, findings: Findings) -> None:
    if _SECRET_NAME.search(one.name) and not one.secret:
        findings.add(one, "secret", f"{one.name} is not @secure()")
    if one.default is None:
        return
    if one.secret and not (isinstance(one.default, tree.Text) and one.default.literal == ""):
        findings.add(one.default, "secret", f"{one.name} has a default")
    kind = kind_of(one.default, symbols)
    if kind is not None and kind != one.type:
        findings.add(one.default, "type", f"the default of {one.name} is {kind}, not {one.type}")
    texts = texts_of(one.default, symbols)
    if one.allowed is not None and texts is not None and not texts <= one.allowed:
        findings.add(one.default, "enum", f"{one.name} may not be its default")
    _bounds(one, findings)


def _bounds(one: tree.Parameter, findings: Findings) -> None:
    if not isinstance(one.default, tree.Value | tree.Text):
        return
    value = one.default.value if isinstance(one.default, tree.Value) else one.default.literal
    size = len(value) if isinstance(value, str) else value
    for name in _LENGTHS & set(one.decorators):
        (bound, *_) = one.decorators[name]
        limit = bound.value if isinstance(bound, tree.Value) else None
        if size is None or limit is None:
            continue
        if size < limit if name.startswith("min") else size > limit:
            findings.add(one.default, "bounds", f"{one.name} may not be its default")


def _output(one: tree.Output, symbols: Symbols, findings: Findings) -> None:
    kind = kind_of(one.value, symbols)
    if kind is not None and kind != one.type:
        findings.add(one.value, "type", f"output {one.name} is {kind}, not {one.type}")
    for name in _names(one.value):
        declaration = symbols.get(name)
        if isinstance(declaration, tree.Parameter) and declaration.secret:
            findings.add(one.value, "secret", f"output {one.name} tells {name}")


def _names(expression: tree.Expression) -> Iterator[str]:
    if isinstance(expression, tree.Name):
        yield expression.name
    for part in tree.parts(expression):
        yield from _names(part)


def _dependencies(body: tree.Expression, symbols: Symbols, findings: Findings) -> None:
    whole = tree.body_of(body)
    depends = whole.get("dependsOn") if whole else None
    if depends is None:
        return
    if not isinstance(depends, tree.Array):
        findings.add(depends, "type", "dependsOn is no array")
        return
    for item in depends.items:
        named = symbols.get(item.name) if isinstance(item, tree.Name) else None
        if isinstance(item, tree.Text) or (
            named is not None and not isinstance(named, tree.Resource | tree.Module)
        ):
            findings.add(item, "type", "dependsOn names what is no resource")


def _identifier(expression: tree.Expression, findings: Findings) -> None:
    text = expression.literal if isinstance(expression, tree.Text) else None
    if text is not None and _IDENTIFIER.fullmatch(text) and text not in builtins():
        findings.add(expression, "unknown-identifier", text)


def _actions(expression: tree.Expression, findings: Findings) -> None:
    """A role of our own reads: it changes nothing, and asks for no key or password."""
    for one in expression.properties if isinstance(expression, tree.Object) else ():
        if one.key.literal in {"actions", "dataActions"} and isinstance(one.value, tree.Array):
            for item in one.value.items:
                text = item.literal if isinstance(item, tree.Text) else None
                if text is None or _BROAD_ACTION.search(text):
                    findings.add(item, "broad-action", text or "an action that is computed")
                elif "/" in text and text not in _known()["actions"]:
                    findings.add(item, "unknown-action", text)


def _operation(expression: tree.Expression, symbols: Symbols, findings: Findings) -> None:
    match expression:
        case tree.Operation(operator="==" | "!=", operands=(first, second)):
            sides = texts_of(first, symbols), texts_of(second, symbols)
            kinds = kind_of(first, symbols), kind_of(second, symbols)
            if None not in sides and not (sides[0] or frozenset()) & (sides[1] or frozenset()):
                findings.add(expression, "never-equal", "the two sides have no value in common")
            elif None not in kinds and kinds[0] != kinds[1]:
                findings.add(expression, "never-equal", f"{kinds[0]} and {kinds[1]}")
        case tree.Operation(operator="?", operands=(test, _, _)) | tree.Guard(test=test):
            _condition(test, symbols, findings)
        case tree.Operation(operator="!" | "&&" | "||", operands=operands):
            for operand in operands:
                _condition(operand, symbols, findings)


def _condition(test: tree.Expression, symbols: Symbols, findings: Findings) -> None:
    kind = kind_of(test, symbols)
    if kind is not None and kind != "bool":
        findings.add(test, "type", f"a condition is {kind}, not bool")


def _address(expression: tree.Expression, symbols: Symbols, findings: Findings) -> None:
    """No secret belongs into an address: addresses stand in logs."""
    if not isinstance(expression, tree.Text):
        return
    plain = "".join(part for part in expression.parts if isinstance(part, str))
    if re.search(r"[?&](code|sig|key)=", plain):
        findings.add(expression, "secret", "an address with a key")
    if "://" in plain:
        for name in _names(expression):
            declaration = symbols.get(name)
            if isinstance(declaration, tree.Parameter) and declaration.secret:
                findings.add(expression, "secret", f"{name} in an address")


def _loops(expression: tree.Expression, findings: Findings, *, fit: bool = True) -> None:
    """A loop may be a body, a variable, an output or a property, but no part of an expression."""
    if isinstance(expression, tree.Loop) and not fit:
        findings.add(expression, "loop", "no loop may stand here")
    keeps = isinstance(expression, tree.Object | tree.Loop | tree.Guard)
    for part in tree.parts(expression):
        _loops(part, findings, fit=fit and keeps)
