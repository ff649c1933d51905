"""OpenVEX 0.2 documents -> statements. What a statement leaves out, its document says for all.

The specification is openvex/spec, OPENVEX-SPEC.md. No maintained library in Python reads it.
"""

from typing import Annotated, Final, Literal

import msgspec
from packageurl import PackageURL

from scanner.errors import PolicyError, PolicyFault
from scanner.model import VexStatement
from scanner.policy.nodes import MAX_BYTES

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
_CONTEXT: Final = "https://openvex.dev/ns/v0.2."
_JUSTIFICATIONS: Final = {
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
}


class _Component(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="@id", default="")
    identifiers: dict[str, str] = {}


class _Product(_Component, frozen=True):
    subcomponents: Annotated[tuple[_Component, ...], msgspec.Meta(max_length=1000)] = ()


class _Vulnerability(msgspec.Struct, frozen=True):
    name: _Text
    aliases: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=100)] = ()


class _Statement(msgspec.Struct, frozen=True):
    vulnerability: _Vulnerability
    status: Literal["not_affected", "affected", "fixed", "under_investigation"]
    products: Annotated[tuple[_Product, ...], msgspec.Meta(max_length=1000)] = ()
    justification: str = ""
    impact_statement: Annotated[str, msgspec.Meta(max_length=5000)] = ""


class _Document(msgspec.Struct, frozen=True):
    context: str = msgspec.field(name="@context")
    id: _Text = msgspec.field(name="@id")
    author: _Text
    timestamp: _Text
    version: int
    statements: Annotated[tuple[_Statement, ...], msgspec.Meta(min_length=1, max_length=10_000)]


def read_openvex(file: str, untrusted_document: bytes) -> tuple[VexStatement, ...]:
    """Read the statements that let something pass, one product each.

    Raises PolicyError for what is no OpenVEX 0.2, and for a statement that is about nothing.
    """
    if len(untrusted_document) > MAX_BYTES:
        raise _error(file, "", f"is larger than {MAX_BYTES} bytes")
    try:
        document = msgspec.json.decode(untrusted_document, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _error(file, "", f"is not OpenVEX 0.2: {error}") from error
    if not document.context.startswith(_CONTEXT):
        raise _error(file, "@context", f"does not begin with {_CONTEXT}")
    faults: list[PolicyFault] = []
    statements: list[VexStatement] = []
    for place, statement in enumerate(document.statements, 1):
        field = f"statements[{place}]"
        if problem := _problem(statement):
            faults.append(PolicyFault(file=file, line=1, field=field, problem=problem))
        elif statement.status in {"not_affected", "fixed"}:
            statements += _statements(f"{file}#{place}", statement)
    if faults:
        raise PolicyError(faults)
    return tuple(statements)


def _problem(statement: _Statement) -> str:
    if not statement.products:
        return "names no product"
    if statement.status == "not_affected":
        if not statement.justification and not statement.impact_statement:
            return "says not_affected without a justification or an impact statement"
        if statement.justification and statement.justification not in _JUSTIFICATIONS:
            return "has a justification that OpenVEX does not know"
    for product in statement.products:
        for component in (product, *product.subcomponents):
            if not _purl(component):
                return "names a product or subcomponent without a package URL"
    return ""


def _statements(name: str, statement: _Statement) -> list[VexStatement]:
    names = (statement.vulnerability.name, *statement.vulnerability.aliases)
    return [
        VexStatement(
            id=name,
            vulnerabilities=tuple(dict.fromkeys(names)),
            products=(_purl(product),),
            subcomponents=tuple(map(_purl, product.subcomponents)),
            status=statement.status,
            justification=statement.justification or statement.impact_statement[:200],
        )
        for product in statement.products
    ]


def _purl(component: _Component) -> str:
    """Return the package URL of a product, or nothing where it has none that can be read."""
    for text in (component.identifiers.get("purl", ""), component.id):
        try:
            PackageURL.from_string(text)
        except ValueError:
            continue
        return text
    return ""


def _error(file: str, field: str, problem: str) -> PolicyError:
    return PolicyError([PolicyFault(file=file, line=1, field=field, problem=problem)])
