"""The nouns of a Bicep file: declarations and expressions, each with the place where it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Line and column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Whatever stands somewhere."""

    at: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Node):
    """A string; its parts are plain text and what is interpolated."""

    parts: "tuple[str | Expression, ...]"

    @property
    def literal(self) -> str | None:
        """The text, if nothing is interpolated."""
        plain = [part for part in self.parts if isinstance(part, str)]
        return "".join(plain) if len(plain) == len(self.parts) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Value(Node):
    """A number, a boolean or null."""

    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Node):
    """A symbol."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Node):
    """`of.name` or `of.?name`."""

    of: "Expression"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Index(Node):
    """`of[index]`."""

    of: "Expression"
    index: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """`function(...)` or `of.function(...)`."""

    of: "Expression | None"
    function: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Property(Node):
    """One line of an object; the key is text, mostly without interpolation."""

    key: Text
    value: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Object(Node):
    """`{ ... }`."""

    properties: tuple[Property, ...]

    def get(self, key: str) -> "Expression | None":
        """Return the value of a property with a plain key."""
        return next((one.value for one in self.properties if one.key.literal == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Array(Node):
    """`[ ... ]`."""

    items: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop(Node):
    """`[for (item, index) in over: body]`."""

    item: str
    index: str | None
    over: "Expression"
    body: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard(Node):
    """`if (test) { ... }`, around the body of a resource or module."""

    test: "Expression"
    body: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Node):
    """An operator and its one, two or three operands; `?` is the conditional."""

    operator: str
    operands: "tuple[Expression, ...]"


Expression: TypeAlias = (
    Text | Value | Name | Member | Index | Call | Object | Array | Loop | Guard | Operation
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Node):
    """`param name type = default`."""

    name: str
    type: str
    default: Expression | None
    decorators: Mapping[str, tuple[Expression, ...]]

    @property
    def allowed(self) -> frozenset[str] | None:
        """The texts that `@allowed` lists."""
        for choices in self.decorators.get("allowed", ()):
            if isinstance(choices, Array):
                texts = [item.literal for item in choices.items if isinstance(item, Text)]
                return frozenset(text for text in texts if text is not None)
        return None

    @property
    def secret(self) -> bool:
        """Whether it is `@secure()`."""
        return "secure" in self.decorators


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Node):
    """`var name = value`."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Node):
    """`resource name 'type@version' = body`."""

    name: str
    type: str
    version: str
    existing: bool
    body: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Module(Node):
    """`module name 'path' = body`."""

    name: str
    path: str
    body: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Node):
    """`output name type = value`."""

    name: str
    type: str
    value: Expression
    decorators: Mapping[str, tuple[Expression, ...]]


Declaration: TypeAlias = Parameter | Variable | Resource | Module | Output
_D = TypeVar("_D", Parameter, Variable, Resource, Module, Output)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One Bicep file as far as it could be read."""

    path: Path
    scope: str
    declarations: tuple[Declaration, ...]
    faults: tuple[tuple[Place, str], ...]
    """Where the syntax is broken, or is outside the subset."""

    def of(self, kind: "type[_D]") -> "dict[str, _D]":
        """Return the declarations of one kind by name; of two with one name the last."""
        return {one.name: one for one in self.declarations if isinstance(one, kind)}

    def symbols(self) -> dict[str, Declaration]:
        """Return everything that an expression may name."""
        return {one.name: one for one in self.declarations if not isinstance(one, Output)}


def parts(expression: Expression) -> Iterator[Expression]:  # noqa: C901  one arm a kind
    """Yield what an expression directly consists of."""
    match expression:
        case Text(parts=pieces):
            yield from (piece for piece in pieces if not isinstance(piece, str))
        case Member(of=of):
            yield of
        case Index(of=of, index=index):
            yield from (of, index)
        case Call(of=of, arguments=arguments):
            if of is not None:
                yield of
            yield from arguments
        case Object(properties=properties):
            for one in properties:
                yield from (one.key, one.value)
        case Array(items=items) | Operation(operands=items):
            yield from items
        case Loop(over=over, body=body):
            yield from (over, body)
        case Guard(test=test, body=body):
            yield from (test, body)
        case Value() | Name():
            return


def body_of(expression: Expression) -> Object | None:
    """Return the object inside loops and conditions."""
    while isinstance(expression, Loop | Guard):
        expression = expression.body
    return expression if isinstance(expression, Object) else None
