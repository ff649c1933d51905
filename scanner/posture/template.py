"""A flat list of ARM resources -> a bundle for each registry among them.

The list comes from an ARM template, from a what-if answer or from evaluated Bicep. Children hang
on their registry by name (`registry/child`), by id, or by a scope that names it; where only one
registry is made, a name that is still to be computed can mean no other.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from scanner.posture.documents import REGISTRY, Document
from scanner.posture.properties import is_expression
from scanner.posture.pullers import pulls_from

_REGISTRIES: Final = "microsoft.containerregistry/registries"
_CHILDREN: Final = {
    f"{_REGISTRIES}/replications": "replications",
    f"{_REGISTRIES}/webhooks": "webhooks",
    f"{_REGISTRIES}/tokens": "tokens",
    f"{_REGISTRIES}/cacherules": "cacheRules",
}
_EXTENSIONS: Final = {
    "microsoft.insights/diagnosticsettings": "diagnosticSettings",
    "microsoft.authorization/roleassignments": "roleAssignments",
}
_POLICY_ASSIGNMENTS: Final = "microsoft.authorization/policyassignments"
_PRIVATE_ENDPOINTS: Final = "microsoft.network/privateendpoints"
_CONTAINER_APPS: Final = "microsoft.app/containerapps"
_COMPUTED: Final = "a scope is computed when the template is deployed"
_MOST_RESOURCES: Final = 20_000
_MOST_LEVELS: Final = 8


def is_template(untrusted: object) -> bool:
    """Whether this is an ARM template."""
    return isinstance(untrusted, dict) and isinstance(untrusted.get("resources"), list | dict)


def template_resources(untrusted: Document, *, level: int = 0) -> Iterator[Document]:
    """Yield a template's resources, those of nested templates and nested children included."""
    listed = untrusted.get("resources")
    # Templates with symbolic names (languageVersion 2.0) have an object here.
    entries = list(listed.values()) if isinstance(listed, dict) else listed
    for entry in entries if isinstance(entries, list) and level < _MOST_LEVELS else ():
        if not isinstance(entry, dict) or entry.get("condition") is False or entry.get("existing"):
            continue
        yield entry
        nested = entry.get("properties")
        template = nested.get("template") if isinstance(nested, dict) else None
        if isinstance(template, dict):
            yield from template_resources(template, level=level + 1)
        for child in template_resources(entry, level=level + 1):
            yield _placed(entry, child)


def _placed(parent: Document, child: Document) -> Document:
    """Give a nested child the full type and name that a template lets it leave out."""
    kind, name = str(child.get("type", "")), str(child.get("name", ""))
    if "." in kind.partition("/")[0]:
        return child
    whole = f"{parent.get('type', '')}/{kind}"
    return {**child, "type": whole, "name": f"{parent.get('name', '')}/{name}"}


@dataclass(frozen=True, slots=True)
class _Made:
    """A registry of the list and the ways in which others may name it."""

    document: Document
    is_only_one: bool

    def is_meant_by(self, *untrusted_texts: object) -> bool | None:
        """Whether one of these names, ids or scopes is this registry's; None where that is open."""
        answers = [self._is_meant(text.casefold()) for text in untrusted_texts if _is_text(text)]
        if True in answers:
            return True
        return None if None in answers else False

    def is_host(self, text: str) -> bool:
        """Whether this is certainly the registry's host, written out or asked for."""
        return self.is_meant_by(text.casefold().removesuffix(".azurecr.io")) is True

    def _is_meant(self, text: str) -> bool | None:
        name = str(self.document.get("name", "")).casefold()
        if f"{_REGISTRIES}/{name}" in text:
            return bool(re.search(rf"{re.escape(f'{_REGISTRIES}/{name}')}(?:$|[/'])", text))
        if is_expression(text):
            if self.is_only_one and _REGISTRIES in text:
                return True
            return False if "microsoft." in text else None
        return text == name or text.startswith(f"{name}/")


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value)


def bundles(untrusted_resources: Iterable[Any]) -> list[Document]:
    """Group resources by registry; what belongs to none is left out."""
    resources = [entry for entry in untrusted_resources if isinstance(entry, dict)]
    resources = resources[:_MOST_RESOURCES]
    registries = [entry for entry in resources if kind_of(entry) == _REGISTRIES]
    is_only_one = len(registries) == 1
    return [_bundle(_Made(registry, is_only_one), resources) for registry in registries]


def kind_of(resource: Document) -> str:
    """Return a resource's type in lower case, without the api-version that Bicep adds."""
    return str(resource.get("type", "")).partition("@")[0].casefold()


def _bundle(made: _Made, resources: list[Document]) -> Document:
    parts: dict[str, list[Document]] = {}
    connections: list[Document] = []
    open_parts: set[str] = set()
    for resource in resources:
        kind = kind_of(resource)
        if part := _CHILDREN.get(kind):
            names = (resource.get("name"), resource.get("id"), resource.get("parent"))
            # A name that is computed belongs to the one registry there is.
            is_ours = made.is_meant_by(*names)
            if is_ours or (is_ours is None and made.is_only_one):
                parts.setdefault(part, []).append(_short(resource))
        elif part := _EXTENSIONS.get(kind):
            scope = resource.get("scope")
            is_ours = made.is_meant_by(scope) if scope else kind.endswith("/roleassignments")
            if is_ours:
                parts.setdefault(part, []).append(resource)
            elif is_ours is None:
                open_parts.add(part)
        elif kind == _POLICY_ASSIGNMENTS:
            # It covers the group that the registry is made in.
            parts.setdefault("policyStates", []).append(_policy_state(resource))
        elif kind == _PRIVATE_ENDPOINTS:
            connections.extend(_connections(resource, made))
        elif kind == _CONTAINER_APPS and pulls_from(resource, made.is_host):
            parts.setdefault("containerApps", []).append({"name": resource.get("name")})
    return {
        REGISTRY: _with_connections(made.document, connections),
        **{name: {"value": value} for name, value in parts.items()},
        **{name: {"error": {"code": _COMPUTED}} for name in open_parts},
    }


def _short(resource: Document) -> Document:
    return {**resource, "name": str(resource.get("name", "")).rpartition("/")[2]}


def _policy_state(assignment: Document) -> Document:
    properties = assignment.get("properties")
    inside = properties if isinstance(properties, dict) else {}
    return {"policyDefinitionId": inside.get("policyDefinitionId")}


def _connections(endpoint: Document, made: _Made) -> Iterator[Document]:
    """Yield how ARM will show the connections: approved, unless somebody else must approve."""
    properties = endpoint.get("properties")
    for name, status in (
        ("privateLinkServiceConnections", "Approved"),
        ("manualPrivateLinkServiceConnections", "Pending"),
    ):
        listed = properties.get(name) if isinstance(properties, dict) else None
        for connection in listed if isinstance(listed, list) else ():
            inside = connection.get("properties") if isinstance(connection, dict) else None
            if not isinstance(inside, dict) or inside.get("groupIds") != ["registry"]:
                continue
            if made.is_meant_by(inside.get("privateLinkServiceId")) is not False:
                yield {
                    "name": endpoint.get("name"),
                    "properties": {"privateLinkServiceConnectionState": {"status": status}},
                }


def _with_connections(registry: Document, connections: list[Document]) -> Document:
    properties = registry.get("properties")
    if not isinstance(properties, dict) or not connections:
        return registry
    present = properties.get("privateEndpointConnections")
    known = present if isinstance(present, list) else []
    return {
        **registry,
        "properties": {**properties, "privateEndpointConnections": [*known, *connections]},
    }
