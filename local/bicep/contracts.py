"""Checks a module's call against the module: each parameter exists, is given, and fits."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from local.bicep import tree
from local.bicep.findings import Findings
from local.bicep.kinds import Symbols, kind_of, texts_of

_OF_A_MODULE = {"dependsOn", "name", "params", "scope"}


def modules_of(file: tree.File) -> Iterator[tuple[tree.Module, Path]]:
    """Yield each module with the path of its file."""
    for one in file.of(tree.Module).values():
        yield one, (file.path.parent / one.path).resolve()


def check_contracts(file: tree.File, known: Mapping[Path, tree.File], findings: Findings) -> None:
    """Note calls that do not fit; `known` holds the files of the modules."""
    symbols = file.symbols()
    for module, path in modules_of(file):
        called = known.get(path)
        if called is None:
            findings.add(module, "module", f"{module.path} is not there")
            continue
        body = tree.body_of(module.body)
        if body is not None:
            _call(module, body, called, symbols, findings)
            if file.scope != called.scope and body.get("scope") is None:
                findings.add(module, "scope", f"{module.path} is for a {called.scope}")


def _call(
    module: tree.Module,
    body: tree.Object,
    called: tree.File,
    symbols: Symbols,
    findings: Findings,
) -> None:
    for one in body.properties:
        if one.key.literal not in _OF_A_MODULE:
            findings.add(one, "unknown-property", f"a module has no {one.key.literal}")
    if body.get("name") is None:
        findings.add(module, "missing", f"{module.name} has no name")
    given = body.get("params")
    parameters = called.of(tree.Parameter)
    values = (
        {one.key.literal or "": one for one in given.properties}
        if isinstance(given, tree.Object)
        else {}
    )
    for name, one in values.items():
        if name not in parameters:
            findings.add(one, "module-parameter", f"{module.path} has no parameter {name}")
        else:
            _fits(one.value, parameters[name], symbols, findings)
    for name, parameter in parameters.items():
        if parameter.default is None and name not in values:
            findings.add(module, "missing", f"{module.path} needs {name}")


def _fits(
    value: tree.Expression, parameter: tree.Parameter, symbols: Symbols, findings: Findings
) -> None:
    kind = kind_of(value, symbols)
    if kind is not None and kind != parameter.type:
        findings.add(value, "type", f"{parameter.name} is {kind}, not {parameter.type}")
    texts = texts_of(value, symbols)
    if parameter.allowed is not None and texts is not None and not texts <= parameter.allowed:
        findings.add(value, "enum", f"{parameter.name} may not be {', '.join(sorted(texts))}")
    source = symbols.get(value.name) if isinstance(value, tree.Name) else None
    if isinstance(source, tree.Parameter) and source.secret and not parameter.secret:
        findings.add(value, "secret", f"{parameter.name} is not @secure()")
