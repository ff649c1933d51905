"""What an image is made of, as a CycloneDX 1.6 bill of materials.

Trivy writes such bills, with a new serial number, the time, and random names for what has no
package URL. Here they are written again, so that equal images give equal bytes: names follow from
content, and there is no time. Vulnerabilities are left out, because they change without the image.
"""

import re
import uuid
from collections import Counter
from typing import Any, Final
from urllib.parse import quote

import msgspec

from scanner.exports.document import canonical
from scanner.model import Digest, Report
from scanner.text import visible

MEDIA_TYPE: Final = "application/vnd.cyclonedx+json"
MAX_COMPONENTS: Final = 100_000
_OURS: Final = uuid.UUID("a3c07d0c-26a0-5c44-8d5b-6f0d4f7a9e11")
"""The namespace of names that follow from content; made up once."""
_NAME_CHARACTERS, _PATH_CHARACTERS = 256, 1024
_TYPES: Final = frozenset({"application", "framework", "library", "operating-system", "file"})
_LICENSE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
_HASHES: Final = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128}
_HEXADECIMAL = re.compile(r"[0-9a-f]*")


class InvalidBillError(Exception):
    """Raised for what no honest Trivy writes."""


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


class _License(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""


class _LicenseChoice(msgspec.Struct, frozen=True):
    license: _License | None = None
    expression: str = ""


class _Hash(msgspec.Struct, frozen=True):
    alg: str
    content: str


class _Property(msgspec.Struct, frozen=True):
    name: str
    value: str = ""


class _Component(msgspec.Struct, frozen=True):
    type: str
    name: str
    ref: str = msgspec.field(name="bom-ref", default="")
    version: str = ""
    group: str = ""
    purl: str = ""
    supplier: _Named | None = None
    licenses: list[_LicenseChoice] = []
    hashes: list[_Hash] = []
    properties: list[_Property] = []


class _Metadata(msgspec.Struct, frozen=True):
    component: _Component


class _Dependency(msgspec.Struct, frozen=True):
    ref: str
    depends_on: list[str] = msgspec.field(name="dependsOn", default_factory=list)


class _Bill(msgspec.Struct, frozen=True):
    metadata: _Metadata
    components: list[_Component] = []
    dependencies: list[_Dependency] = []


_decoder = msgspec.json.Decoder(_Bill)


def bill_of_materials(untrusted_bill: bytes, report: Report) -> bytes:
    """Write the bill of one platform's image anew.

    Args:
        untrusted_bill: What Trivy wrote, out of a sandbox.
        report: On this image; says what it is and what layers it has.

    Raises:
        InvalidBillError: It is no bill of materials, or larger than one can be.
    """
    try:
        bill = _decoder.decode(untrusted_bill)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidBillError(f"the scanner wrote no bill of materials: {error}") from error
    if len(bill.components) > MAX_COMPONENTS:
        raise InvalidBillError(f"the image has more than {MAX_COMPONENTS} components")
    root = _root(report)
    names, components = _named(bill.components)
    names[bill.metadata.component.ref] = root["bom-ref"]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"tools": {"components": [_tool(report)]}, "component": root},
        "components": components,
        "dependencies": _dependencies(bill.dependencies, names),
    }
    serial = uuid.uuid5(_OURS, str(Digest.of(canonical(document))))
    return canonical({**document, "serialNumber": f"urn:uuid:{serial}"})


def _named(found: list[_Component]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Give each component a name that follows from what it is; equal ones become one.

    Returns the new names by the old ones, and the components in the order of their new names.
    """
    written = [(component.ref, _written(component)) for component in found]
    distinct = {canonical(content): content for _, content in written}
    purls = Counter(content.get("purl", "") for content in distinct.values())
    names: dict[str, str] = {}
    components: dict[str, dict[str, Any]] = {}
    for ref, content in written:
        purl = content.get("purl", "")
        is_unique = purl and purls[purl] == 1
        name = purl if is_unique else str(uuid.uuid5(_OURS, canonical(content).decode()))
        names[ref] = name
        components[name] = {"bom-ref": name, **content}
    return names, [components[name] for name in sorted(components)]


def _dependencies(found: list[_Dependency], names: dict[str, str]) -> list[dict[str, Any]]:
    edges: dict[str, set[str]] = {name: set() for name in names.values()}
    for dependency in found:
        if dependency.ref in names:
            known = (names[ref] for ref in dependency.depends_on if ref in names)
            edges[names[dependency.ref]].update(known)
    return [{"ref": name, "dependsOn": sorted(edges[name])} for name in sorted(edges)]


def _root(report: Report) -> dict[str, Any]:
    image = report.image
    last = image.repository.rpartition("/")[2]
    platform = report.platform
    qualifiers = {
        "arch": platform.architecture if platform else "",
        "repository_url": f"{image.registry}/{image.repository}",
    }
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in qualifiers.items() if text)
    purl = f"pkg:oci/{last}@{quote(str(image.digest), safe='')}?{query}"
    config = [_property("ImageID", str(report.config_digest))] if report.config_digest else []
    return {
        "bom-ref": purl,
        "type": "container",
        "name": f"{image.registry}/{image.repository}",
        "version": str(image.digest),
        "purl": purl,
        "properties": [*(_property("DiffID", str(layer)) for layer in report.layers), *config],
    }


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"aquasecurity:trivy:{name}", "value": value}


def _tool(report: Report) -> dict[str, Any]:
    version = {"version": report.scanner.version} if report.scanner else {}
    return {"type": "application", "group": "aquasecurity", "name": "trivy", **version}


def _written(untrusted: _Component) -> dict[str, Any]:
    supplier = visible(untrusted.supplier.name, _NAME_CHARACTERS) if untrusted.supplier else ""
    optional = {
        "version": visible(untrusted.version, _NAME_CHARACTERS),
        "group": visible(untrusted.group, _NAME_CHARACTERS),
        "purl": visible(untrusted.purl, _PATH_CHARACTERS),
        "supplier": {"name": supplier} if supplier else None,
        "licenses": _licenses(untrusted.licenses),
        "hashes": _hashes(untrusted.hashes),
        "properties": [
            {
                "name": visible(one.name, _NAME_CHARACTERS),
                "value": visible(one.value, _PATH_CHARACTERS),
            }
            for one in sorted(untrusted.properties, key=lambda one: (one.name, one.value))
        ],
    }
    return {
        "type": untrusted.type if untrusted.type in _TYPES else "library",
        "name": visible(untrusted.name, _NAME_CHARACTERS),
        **{name: value for name, value in optional.items() if value},
    }


def _licenses(untrusted: list[_LicenseChoice]) -> list[dict[str, Any]]:
    """Write licences: an expression stands alone or not at all (CycloneDX 1.6)."""
    if len(untrusted) == 1 and untrusted[0].expression:
        return [{"expression": visible(untrusted[0].expression, _NAME_CHARACTERS)}]
    return [{"license": one} for choice in untrusted if (one := _license(choice))]


def _license(untrusted: _LicenseChoice) -> dict[str, str]:
    named = untrusted.license or _License(name=untrusted.expression)
    if _LICENSE_ID.fullmatch(named.id):
        return {"id": named.id}
    name = visible(named.id or named.name, _NAME_CHARACTERS)
    return {"name": name} if name else {}


def _hashes(untrusted: list[_Hash]) -> list[dict[str, str]]:
    return [
        {"alg": one.alg, "content": one.content}
        for one in sorted(untrusted, key=lambda one: (one.alg, one.content))
        if len(one.content) == _HASHES.get(one.alg) and _HEXADECIMAL.fullmatch(one.content)
    ]
