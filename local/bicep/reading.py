"""Reads Bicep text into a tree, by the published tree-sitter grammar.

The grammar knows no spread and no types of one's own; `infra/` does without them, as more than one
checker dies of them.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Parser
from tree_sitter import Node as Concrete

from local.bicep import tree

_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\'": "'", "\\\\": "\\", "\\$": "$"}
_OPERATIONS = {"binary_expression", "ternary_expression", "unary_expression"}
_POSTFIX = {"call_expression", "member_expression", "subscript_expression"}
_COMMENTS = {"comment", "diagnostic_comment"}


class OutsideSubsetError(Exception):
    """A construct that `infra/` does not use and this reader does not know."""


def read(path: Path) -> tree.File:
    """Read a file; what is broken is told in `faults`, and the rest is read all the same."""
    return read_text(path.read_text(encoding="utf-8"), path)


def read_text(text: str, path: Path) -> tree.File:
    """Read text as if it stood at path."""
    root = _parser().parse(text.encode()).root_node
    faults = _syntax_faults(root)
    declarations: list[tree.Declaration] = []
    decorators: dict[str, tuple[tree.Expression, ...]] = {}
    scope = "resourceGroup"
    for node in root.named_children:
        try:
            if node.type == "decorators" and not node.has_error:
                decorators = _decorators(node)
                continue
            if node.type == "target_scope_assignment":
                scope = _plain(_expression(node.named_children[-1]))
            elif node.type not in _COMMENTS and not node.has_error:
                declarations.append(_declaration(node, decorators))
        except OutsideSubsetError as error:
            faults.append((_place(node), str(error)))
        decorators = {}
    return tree.File(path=path, scope=scope, declarations=tuple(declarations), faults=tuple(faults))


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bicep.language()))


def _place(node: Concrete) -> tree.Place:
    return tree.Place(line=node.start_point[0] + 1, column=node.start_point[1] + 1)


def _text(node: Concrete) -> str:
    return (node.text or b"").decode()


def _syntax_faults(node: Concrete) -> list[tuple[tree.Place, str]]:
    if node.is_error or node.is_missing:
        return [(_place(node), f"cannot be read: {_text(node)[:40]!r}")]
    if not node.has_error:
        return []
    return [fault for child in node.children for fault in _syntax_faults(child)]


def _named(node: Concrete) -> list[Concrete]:
    return [child for child in node.named_children if child.type not in _COMMENTS]


def _plain(expression: tree.Expression) -> str:
    literal = expression.literal if isinstance(expression, tree.Text) else None
    if literal is None:
        raise OutsideSubsetError("a plain text is expected")
    return literal


def _decorators(node: Concrete) -> dict[str, tuple[tree.Expression, ...]]:
    found = {}
    for decorator in _named(node):
        call = _expression(_named(decorator)[0])
        if not isinstance(call, tree.Call):
            raise OutsideSubsetError("a decorator is a call")
        found[call.function] = call.arguments
    return found


def _declaration(
    node: Concrete, decorators: Mapping[str, tuple[tree.Expression, ...]]
) -> tree.Declaration:
    at, children = _place(node), _named(node)
    name = _text(children[0]) if children else ""
    match node.type, children:
        case "parameter_declaration", [_, kind, *default]:
            return tree.Parameter(
                at=at,
                name=name,
                type=_text(kind),
                default=_expression(default[0]) if default else None,
                decorators=decorators,
            )
        case "variable_declaration", [_, value]:
            return tree.Variable(at=at, name=name, value=_expression(value))
        case "resource_declaration", [_, kind, body]:
            type_, _, version = _plain(_expression(kind)).partition("@")
            existing = any(child.type == "existing" for child in node.children)
            return tree.Resource(
                at=at,
                name=name,
                type=type_,
                version=version,
                existing=existing,
                body=_expression(body),
            )
        case "module_declaration", [_, path, body]:
            return tree.Module(
                at=at, name=name, path=_plain(_expression(path)), body=_expression(body)
            )
        case "output_declaration", [_, kind, value]:
            return tree.Output(
                at=at,
                name=name,
                type=_text(kind),
                value=_expression(value),
                decorators=decorators,
            )
    raise OutsideSubsetError(f"{node.type} is outside the subset")


def _expression(node: Concrete) -> tree.Expression:  # noqa: C901, PLR0911  one arm a kind
    if node.type in _OPERATIONS | _POSTFIX:
        return _bound(node, lambda operand: operand)
    at, children = _place(node), _named(node)
    match node.type:
        case "string":
            return tree.Text(at=at, parts=tuple(_pieces(node)))
        case "number":
            return tree.Value(at=at, value=int(_text(node)))
        case "boolean":
            return tree.Value(at=at, value=_text(node) == "true")
        case "null":
            return tree.Value(at=at, value=None)
        case "identifier":
            return tree.Name(at=at, name=_text(node))
        case "parenthesized_expression" if children:
            return _expression(children[0])
        case "object":
            return tree.Object(at=at, properties=tuple(map(_property, children)))
        case "array":
            if children and children[0].type == "for_statement":
                return _loop(children[0])
            return tree.Array(at=at, items=tuple(map(_expression, children)))
        case "for_statement":
            return _loop(node)
        case "if_statement":
            return tree.Guard(at=at, test=_expression(children[0]), body=_expression(children[-1]))
    raise OutsideSubsetError(f"{node.type} is outside the subset: {_text(node)[:40]!r}")


def _bound(node: Concrete, bind: Callable[[tree.Expression], tree.Expression]) -> tree.Expression:
    """Bind what follows an operation to its last operand, where it belongs.

    The grammar reads `!a.b` as `(!a).b`, and `x ? a.b : c.d` likewise.
    """
    at, children = _place(node), _named(node)
    match node.type:
        case "member_expression":
            name = _text(children[-1])
            return _bound(children[0], lambda of: bind(tree.Member(at=at, of=of, name=name)))
        case "subscript_expression":
            index = _expression(children[-1])
            return _bound(children[0], lambda of: bind(tree.Index(at=at, of=of, index=index)))
        case "call_expression":
            arguments = tuple(map(_expression, _named(children[1])))
            return _bound(children[0], lambda of: bind(_call(of, arguments)))
        case kind if kind in _OPERATIONS:
            operator = next(child.type for child in node.children if not child.is_named)
            operands = (*map(_expression, children[:-1]), _bound(children[-1], bind))
            return tree.Operation(at=at, operator=operator, operands=operands)
    return bind(_expression(node))


def _call(of: tree.Expression, arguments: tuple[tree.Expression, ...]) -> tree.Call:
    match of:
        case tree.Name(at=at, name=name):
            return tree.Call(at=at, of=None, function=name, arguments=arguments)
        case tree.Member(at=at, of=whole, name=name):
            return tree.Call(at=at, of=whole, function=name, arguments=arguments)
    raise OutsideSubsetError("only a function can be called")


def _pieces(node: Concrete) -> list[str | tree.Expression]:
    pieces: list[str | tree.Expression] = []
    for child in node.named_children:
        if child.type == "string_content":
            # The grammar hangs text that follows an interpolation below it.
            pieces.append(_text(child))
        elif child.type == "escape_sequence":
            pieces.append(_ESCAPES[_text(child)])
        elif child.type == "interpolation":
            inner = _named(child)
            pieces.append(_expression(inner[0]))
            pieces.extend(_text(rest) for rest in inner[1:])
    return pieces


def _property(node: Concrete) -> tree.Property:
    key, value = _named(node)[0], _named(node)[-1]
    if node.type != "object_property" or key == value:
        raise OutsideSubsetError(f"{_text(node)[:40]!r} is not a property")
    name = (
        _expression(key) if key.type == "string" else tree.Text(at=_place(key), parts=(_text(key),))
    )
    if not isinstance(name, tree.Text):
        raise OutsideSubsetError(f"{_text(key)[:40]!r} is not a key")
    return tree.Property(at=_place(key), key=name, value=_expression(value))


def _loop(node: Concrete) -> tree.Loop:
    loop, over, body = _named(node)
    names = [_text(name) for name in _named(loop)] or [_text(loop)]
    return tree.Loop(
        at=_place(node),
        item=names[0],
        index=names[1] if len(names) > 1 else None,
        over=_expression(over),
        body=_expression(body),
    )
