"""Checks names: each is declared once, described, used, and nothing else is named."""

from collections.abc import Iterator, Mapping

from local.bicep import tree
from local.bicep.findings import Findings
from local.bicep.kinds import ARITY
from local.bicep.members import check_member, item_keys

_DECORATORS = {"allowed", "description", "maxLength", "maxValue", "minLength", "minValue", "secure"}
_TYPES = {"array", "bool", "int", "object", "string"}
_Locals = Mapping[str, frozenset[str] | None]
"""Loop variables in sight, with the keys of what they stand for."""


def check_names(file: tree.File, outputs: Mapping[str, frozenset[str]], findings: Findings) -> None:
    """Note what is declared twice, not described, not used, or used and not declared."""
    seen: set[tuple[bool, str]] = set()
    for one in file.declarations:
        key = (isinstance(one, tree.Output), one.name)
        if key in seen:
            findings.add(one, "duplicate", one.name)
        seen.add(key)
        if isinstance(one, tree.Parameter | tree.Output):
            _head(one, findings)
    walk = _Walk(file, outputs, findings)
    for root in roots(file):
        walk.visit(root, {})
    for name, one in file.symbols().items():
        # A module or a resource works by being there.
        made = isinstance(one, tree.Module) or (isinstance(one, tree.Resource) and not one.existing)
        if name not in walk.used and not made:
            findings.add(one, "unused", name)


def roots(file: tree.File) -> Iterator[tree.Expression]:
    """Yield the outermost expressions of a file."""
    for one in file.declarations:
        match one:
            case tree.Parameter(default=default):
                if default is not None:
                    yield default
            case tree.Variable(value=value) | tree.Output(value=value):
                yield value
            case tree.Resource(body=body) | tree.Module(body=body):
                yield body


def _head(one: tree.Parameter | tree.Output, findings: Findings) -> None:
    match one.decorators.get("description"):
        case (tree.Text() as text,) if text.literal:
            pass
        case _:
            findings.add(one, "undescribed", one.name)
    if one.type not in _TYPES:
        findings.add(one, "type", f"{one.name} is of no known type: {one.type}")
    for name in one.decorators:
        if name not in _DECORATORS:
            findings.add(one, "unknown-decorator", name)


class _Walk:
    def __init__(
        self, file: tree.File, outputs: Mapping[str, frozenset[str]], findings: Findings
    ) -> None:
        self.used: set[str] = set()
        self._symbols = file.symbols()
        self._outputs = outputs
        self._findings = findings

    def visit(self, expression: tree.Expression, local: _Locals) -> None:
        match expression:
            case tree.Name(name=name):
                self.used.add(name)
                if name not in self._symbols and name not in local:
                    self._findings.add(expression, "undefined", name)
            case tree.Loop(over=over, body=body):
                self.visit(over, local)
                inner = {**local, expression.item: item_keys(expression, self._symbols)}
                if expression.index:
                    inner[expression.index] = None
                self.visit(body, inner)
                return
            case tree.Member():
                self._member(expression, local)
            case tree.Call():
                self._call(expression)
            case tree.Object():
                self._object(expression)
        for part in tree.parts(expression):
            self.visit(part, local)

    def _member(self, member: tree.Member, local: _Locals) -> None:
        if isinstance(member.of, tree.Name) and member.of.name in local:
            keys = local[member.of.name]
            if keys is not None and member.name not in keys:
                self._findings.add(member, "member", f"{member.of.name} has no {member.name}")
            return
        check_member(member, self._symbols, self._outputs, self._findings)

    def _call(self, call: tree.Call) -> None:
        if call.function.startswith("list"):
            self._findings.add(call, "key", f"{call.function} reads a key")
        elif call.of is not None or call.function not in ARITY:
            self._findings.add(call, "unknown-function", call.function)
        else:
            least, most = ARITY[call.function]
            if not least <= len(call.arguments) <= most:
                self._findings.add(call, "arguments", f"{call.function} of {len(call.arguments)}")

    def _object(self, expression: tree.Object) -> None:
        keys = [one.key.literal for one in expression.properties]
        for one in expression.properties:
            if one.key.literal is not None and keys.count(one.key.literal) > 1:
                self._findings.add(one, "duplicate", one.key.literal)
