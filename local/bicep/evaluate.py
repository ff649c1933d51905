"""Evaluates Bicep to the resources that a deployment would ask for, without Azure.

    from local.bicep.evaluate import evaluate
    resources = evaluate(Path("infra/main.bicep"), {"profile": "private", ...})

A resource is ARM JSON as an ARM template or a what-if result has it:
`{"type": "Microsoft.ContainerRegistry/registries/webhooks", "apiVersion": "2025-04-01", "name":
"registry/webhook", "id": "/subscriptions/.../webhooks/webhook", "scope": "<id>" (of extension
resources only: roleAssignments, diagnosticSettings), "location", "sku", "tags", "properties": {}}`.
Modules are flattened, loops unrolled, nulls left out, and so is what is `existing` or whose
condition is false. What only Azure knows (a principal's id, a key's URI) stays a string
`"[reference('<id>').properties.x]"`. Parameters not given take the defaults of the file.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from local.bicep import tree
from local.bicep.deployed import Declared, Deployed, Resource, id_of, without_null
from local.bicep.functions import FUNCTIONS, SUBSCRIPTION, Symbol
from local.bicep.reading import read

Locals = Mapping[str, Any]

_OF_THE_DECLARATION = {"dependsOn", "name", "parent", "scope"}


class BicepError(Exception):
    """A file that is broken, or that asks for what cannot be known without Azure."""


def evaluate(main: Path, parameters: Mapping[str, object]) -> list[Resource]:
    """Return every resource of a deployment. Raises BicepError for what is not the subset."""
    return [without_null(one) for one in _Instance(main, parameters, SUBSCRIPTION).resources()]


def evaluate_outputs(main: Path, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the outputs of a deployment. Raises BicepError likewise."""
    instance = _Instance(main, parameters, SUBSCRIPTION)
    return {name: instance.output(name) for name in instance.file.of(tree.Output)}


class _Instance:
    """One file with its parameters, in its scope."""

    def __init__(self, path: Path, given: Mapping[str, object], scope: str) -> None:
        self.file = read(path)
        if self.file.faults:
            raise BicepError(f"{path}: {self.file.faults}")
        self.scope = scope
        self._given = given
        self._symbols = self.file.symbols()
        self._known: dict[str, Any] = {}
        if unknown := set(given) - set(self.file.of(tree.Parameter)):
            raise BicepError(f"{path} has no parameter {', '.join(sorted(unknown))}")

    def resources(self) -> Iterator[Resource]:
        """Yield what this file and its modules make, in the order of the file."""
        for declaration in self.file.declarations:
            if isinstance(declaration, tree.Resource) and not declaration.existing:
                for one in _flat(self._value(declaration.name)):
                    if one.made:
                        yield one.as_json()
            if isinstance(declaration, tree.Module):
                for module in _flat(self._value(declaration.name)):
                    if module is not None:
                        yield from module.resources()

    def output(self, name: str) -> Any:  # noqa: ANN401  JSON
        """Return an output's value. Raises BicepError when there is none of this name."""
        if name not in self.file.of(tree.Output):
            raise BicepError(f"{self.file.path} has no output {name}")
        return self._evaluate(self.file.of(tree.Output)[name].value, {})

    def _value(self, name: str) -> Any:  # noqa: ANN401  JSON, resources, modules
        if name not in self._known:
            if name not in self._symbols:
                raise BicepError(f"{self.file.path}: nothing is called {name}")
            self._known[name] = self._declared(self._symbols[name])
        return self._known[name]

    def _declared(self, declaration: tree.Declaration) -> Any:  # noqa: ANN401  likewise
        match declaration:
            case tree.Parameter():
                return self._parameter(declaration)
            case tree.Resource(body=body):
                return self._unrolled(
                    body, lambda inner, local, made: self._resource(declaration, inner, local, made)
                )
            case tree.Module(body=body):
                return self._unrolled(
                    body,
                    lambda inner, local, made: (
                        self._module(declaration, inner, local) if made else None
                    ),
                )
            case _:
                return self._evaluate(declaration.value, {})

    def _parameter(self, parameter: tree.Parameter) -> object:
        if parameter.name in self._given:
            value = self._given[parameter.name]
        elif parameter.default is not None:
            value = self._evaluate(parameter.default, {})
        else:
            raise BicepError(f"{self.file.path}: parameter {parameter.name} is not given")
        if parameter.allowed is not None and value not in parameter.allowed:
            raise BicepError(f"{self.file.path}: {parameter.name} may not be {value!r}")
        return value

    def _unrolled(
        self, body: tree.Expression, make: Callable[[tree.Object, Locals, bool], Any]
    ) -> Any:  # noqa: ANN401  one or a list
        if isinstance(body, tree.Loop):
            return [self._guarded(body.body, local, make) for local in self._turns(body, {})]
        return self._guarded(body, {}, make)

    def _guarded(
        self,
        body: tree.Expression,
        local: Locals,
        make: Callable[[tree.Object, Locals, bool], Any],
    ) -> Any:  # noqa: ANN401  what make returns
        made = True
        if isinstance(body, tree.Guard):
            made = self._truth(body.test, local)
            body = body.body
        if not isinstance(body, tree.Object):
            raise BicepError(f"{self.file.path}:{body.at.line}: the body is no object")
        return make(body, local, made)

    def _module(self, module: tree.Module, body: tree.Object, local: Locals) -> "_Instance":
        given = body.get("params")
        scope = body.get("scope")
        return _Instance(
            self.file.path.parent / module.path,
            self._evaluate(given, local) if given else {},
            self._scope_id(scope, local) if scope else self.scope,
        )

    def _scope_id(self, scope: tree.Expression, local: Locals) -> str:
        return str(id_of(self._evaluate(scope, local)))

    def _resource(
        self,
        resource: tree.Resource,
        body: tree.Object,
        local: Locals,
        made: bool,  # noqa: FBT001
    ) -> Deployed:
        name_expression = body.get("name")
        if name_expression is None:
            raise BicepError(f"{self.file.path}: {resource.name} has no name")
        own_name = name = str(self._evaluate(name_expression, local))
        parent, scope = body.get("parent"), body.get("scope")
        scope_id = self._scope_id(scope, local) if scope else None
        if parent:
            above = self._evaluate(parent, local)
            id_ = f"{above.id}/{resource.type.rpartition('/')[2]}/{name}"
            name = f"{above.name}/{name}"
        elif resource.type == "Microsoft.Resources/resourceGroups":
            id_ = f"{self.scope}/resourceGroups/{name}"
        else:
            id_ = f"{scope_id or self.scope}/providers/{resource.type}/{name}"

        def evaluated() -> dict[str, Any]:
            rest = [one for one in body.properties if one.key.literal not in _OF_THE_DECLARATION]
            return self._object(tree.Object(at=body.at, properties=tuple(rest)), local)

        return Deployed(
            id=id_,
            name=name,
            own_name=own_name,
            type=resource.type,
            version=resource.version,
            scope=scope_id,
            made=made and not resource.existing,
            body=evaluated,
        )

    def _turns(self, loop: tree.Loop, local: Locals) -> Iterator[dict[str, Any]]:
        over = self._evaluate(loop.over, local)
        if not isinstance(over, list):
            raise BicepError(f"{self.file.path}:{loop.at.line}: what is looped over is unknown")
        for index, item in enumerate(over):
            yield {**local, loop.item: item, **({loop.index: index} if loop.index else {})}

    def _truth(self, test: tree.Expression, local: Locals) -> bool:
        value = self._evaluate(test, local)
        if not isinstance(value, bool):
            raise BicepError(
                f"{self.file.path}:{test.at.line}: {value!r} is neither true nor false"
            )
        return value

    def _evaluate(self, expression: tree.Expression, local: Locals) -> Any:  # noqa: ANN401, C901, PLR0911
        match expression:
            case tree.Text(parts=parts):
                pieces = [
                    one if isinstance(one, str) else _as_text(self._evaluate(one, local))
                    for one in parts
                ]
                whole = len(expression.parts) == 1 and isinstance(parts[0], tree.Expression)
                return (
                    Symbol(pieces[0]) if whole and "[reference(" in pieces[0] else "".join(pieces)
                )
            case tree.Value(value=value):
                return value
            case tree.Name(name=name):
                return local[name] if name in local else self._value(name)
            case tree.Member(of=of, name=name):
                return self._member(self._evaluate(of, local), name, expression)
            case tree.Index(of=of, index=index):
                whole, key = self._evaluate(of, local), self._evaluate(index, local)
                return whole.member(f"[{key}]") if isinstance(whole, Symbol) else whole[key]
            case tree.Call():
                return self._call(expression, local)
            case tree.Object():
                return self._object(expression, local)
            case tree.Array(items=items):
                return [self._evaluate(item, local) for item in items]
            case tree.Loop(body=body):
                return [self._evaluate(body, turn) for turn in self._turns(expression, local)]
            case tree.Operation():
                return self._operation(expression, local)
            case tree.Guard():
                raise BicepError(f"{self.file.path}:{expression.at.line}: no condition stands here")

    def _object(self, expression: tree.Object, local: Locals) -> dict[str, Any]:
        return {
            str(self._evaluate(one.key, local)): self._evaluate(one.value, local)
            for one in expression.properties
        }

    def _member(self, of: Any, name: str, at: tree.Member) -> Any:  # noqa: ANN401  JSON
        match of:
            case _Instance() if name == "outputs":
                return of
            case _Instance():
                return of.output(name)
            case Deployed():
                return of.member(name)
            case Symbol():
                return of.member(f".{name}")
            case Declared():
                return Declared.over(of.get(name), of.rest.member(f".{name}"))
            case dict() if name in of:
                return of[name]
        raise BicepError(f"{self.file.path}:{at.at.line}: there is no {name} in {of!r}")

    def _operation(self, operation: tree.Operation, local: Locals) -> Any:  # noqa: ANN401  JSON
        match operation.operator, operation.operands:
            case "?", (test, then, otherwise):
                return self._evaluate(then if self._truth(test, local) else otherwise, local)
            case "!", (test,) if operation.operator == "!":
                return not self._truth(test, local)
            case "&&", (first, second):
                return self._truth(first, local) and self._truth(second, local)
            case "||", (first, second):
                return self._truth(first, local) or self._truth(second, local)
            case ("==" | "!=") as operator, (first, second):
                values = self._evaluate(first, local), self._evaluate(second, local)
                if any(isinstance(value, Symbol) for value in values):
                    raise BicepError(f"{self.file.path}:{operation.at.line}: cannot be known here")
                return (values[0] == values[1]) is (operator == "==")
        raise BicepError(f"{self.file.path}:{operation.at.line}: operator {operation.operator}")

    def _call(self, call: tree.Call, local: Locals) -> Any:  # noqa: ANN401  JSON
        arguments = [self._evaluate(argument, local) for argument in call.arguments]
        own: Mapping[str, Callable[..., Any]] = {
            "loadJsonContent": lambda path: json.loads(self._beside(path)),
            "loadTextContent": self._beside,
            "resourceGroup": self._group,
        }
        function = own.get(call.function) or FUNCTIONS.get(call.function)
        if call.of is not None or function is None:
            raise BicepError(f"{self.file.path}:{call.at.line}: {call.function} is not known here")
        return function(*arguments)

    def _beside(self, path: str) -> str:
        return (self.file.path.parent / path).read_text(encoding="utf-8")

    def _group(self, name: str | None = None) -> dict[str, str]:
        id_ = f"{SUBSCRIPTION}/resourceGroups/{name}" if name else self.scope
        return {"id": id_, "name": id_.rpartition("/")[2]}


def _flat(value: Any) -> list[Any]:  # noqa: ANN401  one or a list
    return value if isinstance(value, list) else [value]


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
