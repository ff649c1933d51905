"""What can be said of an expression's value without evaluating it."""

from collections.abc import Mapping

from local.bicep import tree

Symbols = Mapping[str, tree.Declaration]

_RETURNS = {
    "bool": {"contains", "empty", "endsWith", "startsWith"},
    "string": {
        "cidrSubnet", "guid", "loadTextContent", "replace", "resourceId", "subscriptionResourceId",
        "tenantResourceId", "toLower", "toUpper", "uniqueString",
    },
    "array": {"items"},
    "int": {"length", "max", "min"},
    "object": {"environment", "resourceGroup", "subscription", "tenant", "loadJsonContent"},
}  # fmt: skip
ARITY = {
    "cidrSubnet": (3, 3), "concat": (1, 99), "contains": (2, 2), "empty": (1, 1),
    "environment": (0, 0), "guid": (1, 99), "items": (1, 1), "length": (1, 1),
    "loadJsonContent": (1, 3), "loadTextContent": (1, 2), "max": (1, 99), "min": (1, 99),
    "replace": (3, 3), "resourceGroup": (0, 2), "subscription": (0, 1),
    "subscriptionResourceId": (2, 99), "take": (2, 2), "tenant": (0, 0),
    "tenantResourceId": (2, 99), "toLower": (1, 1), "toUpper": (1, 1), "union": (1, 99),
    "uniqueString": (1, 99),
}  # fmt: skip
"""Functions that `infra/` may call, and how many arguments each takes."""


def kind_of(expression: tree.Expression, symbols: Symbols) -> str | None:  # noqa: C901, PLR0911
    """Return string, int, bool, array or object; None where it cannot be told."""
    match expression:
        case tree.Text():
            return "string"
        case tree.Value(value=bool()):
            return "bool"
        case tree.Value(value=int()):
            return "int"
        case tree.Object():
            return "object"
        case tree.Array() | tree.Loop():
            return "array"
        case tree.Call(of=None, function=function):
            return next((kind for kind, names in _RETURNS.items() if function in names), None)
        case tree.Operation(operator="?", operands=(_, then, otherwise)):
            kinds = {kind_of(then, symbols), kind_of(otherwise, symbols)}
            return kinds.pop() if len(kinds) == 1 else None
        case tree.Operation(operator="!" | "==" | "!=" | "&&" | "||"):
            return "bool"
        case tree.Name(name=name):
            match symbols.get(name):
                case tree.Parameter(type=type_):
                    return type_
                case tree.Variable(value=value):
                    return kind_of(value, symbols)
                case tree.Resource() | tree.Module():
                    return "resource"
    return None


def texts_of(expression: tree.Expression, symbols: Symbols) -> frozenset[str] | None:
    """Return every text that the expression can be; None where it can be any."""
    match expression:
        case tree.Text() if expression.literal is not None:
            return frozenset({expression.literal})
        case tree.Operation(operator="?", operands=(_, then, otherwise)):
            sides = texts_of(then, symbols), texts_of(otherwise, symbols)
            known = [side for side in sides if side is not None]
            return frozenset().union(*known) if len(known) == len(sides) else None
        case tree.Name(name=name):
            match symbols.get(name):
                case tree.Parameter() as parameter:
                    return parameter.allowed
                case tree.Variable(value=value):
                    return texts_of(value, symbols)
    return None
