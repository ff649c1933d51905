"""Checks what a resource is given against what Azure takes for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from local.bicep import tree
from local.bicep.findings import Findings
from local.bicep.kinds import Symbols, kind_of, texts_of
from local.bicep.schemas import Shape, Slice, slices

_OF_THE_LANGUAGE = frozenset({"dependsOn", "name", "parent", "scope"})
_PLAIN = {"string", "int", "bool"}


def check_body(resource: tree.Resource, symbols: Symbols, findings: Findings) -> None:
    """Note what is unknown, read-only, missing, or of the wrong type in a resource."""
    known = slices().get(resource.type.lower())
    if known is None or known.type != resource.type:
        findings.add(resource, "unknown-type", resource.type)
        return
    if known.version != resource.version:
        findings.add(resource, "api-version", f"{resource.version}, checked is {known.version}")
    body = tree.body_of(resource.body)
    if body is None:
        findings.add(resource, "type", f"{resource.name} is no object")
    elif resource.existing:
        _existing(resource, body, findings)
    else:
        items = _items_of(resource.body, symbols)
        _Body(slice=known, symbols=symbols, findings=findings, items=items).whole(body)
        _place(resource, body, symbols, findings)


def _existing(resource: tree.Resource, body: tree.Object, findings: Findings) -> None:
    for one in body.properties:
        if one.key.literal not in _OF_THE_LANGUAGE:
            findings.add(one, "unknown-property", f"an existing resource has no {one.key.literal}")
    if body.get("name") is None:
        findings.add(body, "missing", f"{resource.type} name")


def _place(
    resource: tree.Resource, body: tree.Object, symbols: Symbols, findings: Findings
) -> None:
    """A child has a parent of the type above it; an extension has a scope."""
    above = resource.type.rpartition("/")[0]
    parent = body.get("parent")
    if "/" not in above:
        if parent is not None:
            findings.add(parent, "parent", f"{resource.type} has no parent")
        return
    owner = symbols.get(parent.name) if isinstance(parent, tree.Name) else None
    if not isinstance(owner, tree.Resource):
        findings.add(body, "parent", f"{resource.type} needs a parent")
    elif owner.type != above:
        findings.add(body, "parent", f"the parent of {resource.type} is no {owner.type}")


def _items_of(body: tree.Expression, symbols: Symbols) -> Mapping[str, tuple[tree.Object, ...]]:
    """Return what a resource is made for each of, by the name of the loop's variable."""
    match body:
        case tree.Loop(item=item, over=tree.Name(name=name)):
            listed = symbols.get(name)
            if isinstance(listed, tree.Variable) and isinstance(listed.value, tree.Array):
                objects = listed.value.items
                return {item: tuple(one for one in objects if isinstance(one, tree.Object))}
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    slice: Slice
    symbols: Symbols
    findings: Findings
    items: Mapping[str, tuple[tree.Object, ...]]

    def whole(self, body: tree.Object) -> None:
        self._object(body, self.slice.body, self.slice.type, _OF_THE_LANGUAGE)

    def _object(
        self,
        given: tree.Object,
        shape: Shape,
        path: str,
        free: frozenset[str] = frozenset(),
    ) -> None:
        properties = self._variant(given, shape, path)
        for one in given.properties:
            key = one.key.literal
            if key is None or (key not in properties and key not in free):
                self._further(one, shape, path)
            elif key in properties and properties[key].endswith("#"):
                self.findings.add(one, "read-only", f"{path}.{key}")
            elif key in properties:
                self._value(one.value, properties[key].rstrip("!"), f"{path}.{key}")
        keys = {one.key.literal for one in given.properties}
        for name, type_ in properties.items():
            if type_.endswith("!") and name not in keys:
                self.findings.add(given, "missing", f"{path}.{name}")

    def _variant(self, given: tree.Object, shape: Shape, path: str) -> Mapping[str, str]:
        for variant in shape.variants:
            for name, type_ in variant.items():
                value = given.get(name)
                if value is not None and texts_of(value, self.symbols) == frozenset(
                    {type_.rstrip("!")}
                ):
                    return shape.properties | variant
        if shape.variants:
            self.findings.add(given, "enum", f"{path} is none of the known variants")
            return {one.key.literal or "": "any" for one in given.properties}
        return shape.properties

    def _further(self, one: tree.Property, shape: Shape, path: str) -> None:
        if shape.further is not None:
            self._value(one.value, shape.further, f"{path}.*")
        elif shape.properties:
            self.findings.add(one, "unknown-property", f"{path}.{one.key.literal}")

    def _value(self, given: tree.Expression, type_: str, path: str) -> None:
        match given:
            case tree.Operation(operator="?", operands=(_, then, otherwise)):
                self._value(then, type_, path)
                self._value(otherwise, type_, path)
                return
            case tree.Value(value=None):
                return
            case tree.Member(of=tree.Name(name=of), name=name) if of in self.items:
                for item in self.items[of]:
                    if (value := item.get(name)) is not None:
                        self._value(value, type_, path)
                return
            case tree.Name(name=name) if isinstance(self.symbols.get(name), tree.Variable):
                self._variable(name, given, type_, path)
                return
        self._given(given, type_, path)

    def _variable(self, name: str, given: tree.Name, type_: str, path: str) -> None:
        """Look through a variable, but tell of its faults where it is used."""
        variable = self.symbols[name]
        if isinstance(variable, tree.Variable):
            inner = Findings(self.findings.path)
            within = replace(self, findings=inner)
            within._value(variable.value, type_, path)  # noqa: SLF001  itself
            for fault in sorted(inner.found):
                self.findings.add(given, fault.kind, f"{fault.about} (by {name})")

    def _given(self, given: tree.Expression, type_: str, path: str) -> None:
        kind = kind_of(given, self.symbols)
        if type_.endswith("[]"):
            self._expect(given, kind, "array", path)
            items = given.items if isinstance(given, tree.Array) else ()
            if isinstance(given, tree.Loop):
                items = (given.body,)
            for item in items:
                self._value(item, type_.removesuffix("[]"), f"{path}[]")
        elif type_ in self.slice.types:
            self._expect(given, kind, "object", path)
            if isinstance(given, tree.Object):
                self._object(given, self.slice.types[type_], path)
        elif type_ in _PLAIN:
            self._expect(given, kind, type_, path)
        elif type_ != "any":
            self._choice(given, kind, type_, path)

    def _choice(self, given: tree.Expression, kind: str | None, type_: str, path: str) -> None:
        self._expect(given, kind, "string", path)
        choices = {choice.strip() for choice in type_.split("|")} - {"string"}
        texts = texts_of(given, self.symbols)
        if texts is not None and not texts <= choices:
            wrong = ", ".join(sorted(texts - choices))
            self.findings.add(
                given, "enum", f"{path} is {wrong}, not {' or '.join(sorted(choices))}"
            )

    def _expect(self, given: tree.Expression, kind: str | None, wanted: str, path: str) -> None:
        if kind is not None and kind != wanted:
            self.findings.add(given, "type", f"{path} is {kind}, not {wanted}")
