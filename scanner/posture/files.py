"""A file -> snapshots of the registries in it.

Taken are: what GET on a registry answers, or `az acr show`; lists of such; a bundle
(scanner/posture/documents.py); an ARM template; a what-if answer; a list of evaluated resources.
"""

from typing import Any, Final

from scanner.errors import InvalidMessageError, PostureError
from scanner.posture.documents import REGISTRY, Document, is_bundle
from scanner.posture.reading import read_snapshot
from scanner.posture.snapshot import Snapshot
from scanner.posture.template import bundles, is_template, kind_of, template_resources
from scanner.strict_json import parse_object

MAX_BYTES: Final = 16 * 1024 * 1024
_MOST_REGISTRIES: Final = 1_000
_GONE: Final = {"delete", "unsupported"}


def read_file(untrusted_document: bytes) -> tuple[Snapshot, ...]:
    """Read every registry of a file of at most 16 MiB. Raises PostureError when it has none."""
    snapshots = tuple(_snapshots(_parsed(untrusted_document)))[:_MOST_REGISTRIES]
    if not snapshots:
        raise PostureError("the file holds no Microsoft.ContainerRegistry/registries resource")
    return snapshots


def read_resources(resources: list[Document]) -> tuple[Snapshot, ...]:
    """Read every registry among resources that a template would make."""
    return tuple(read_snapshot(bundle, is_declared=True) for bundle in bundles(resources))


def _parsed(untrusted_document: bytes) -> Any:  # noqa: ANN401  JSON of several shapes
    if untrusted_document.lstrip()[:1] == b"[":
        # Wrapped, so that arrays get the same strictness as objects.
        untrusted_document = b'{"value":' + untrusted_document + b"}"
    try:
        return parse_object(untrusted_document, max_bytes=MAX_BYTES)
    except InvalidMessageError as error:
        raise PostureError(f"the file cannot be read: {error}") from error


def _snapshots(document: Document) -> list[Snapshot]:
    if is_bundle(document):
        return [read_snapshot(document, is_declared=False)]
    if is_template(document):
        return list(read_resources(list(template_resources(document))))
    changes = _changes(document)
    if changes is not None:
        return [read_snapshot(bundle, is_declared=False) for bundle in bundles(changes)]
    listed = document.get("value")
    entries = listed if isinstance(listed, list) else [document]
    return _answers([entry for entry in entries if isinstance(entry, dict)])


def _answers(entries: list[Document]) -> list[Snapshot]:
    """Read answers of ARM; what has no id yet, or an api-version, is a template's."""
    if any(not entry.get("id") or "apiVersion" in entry for entry in entries):
        return list(read_resources(entries))
    registries = [entry for entry in entries if kind_of(entry).endswith("/registries")]
    return [read_snapshot({REGISTRY: entry}, is_declared=False) for entry in registries]


def _changes(document: Document) -> list[Document] | None:
    """Return what will be there after the deployment that a what-if answer is about."""
    properties = document.get("properties")
    holder = properties if isinstance(properties, dict) else document
    changes = holder.get("changes")
    if not isinstance(changes, list):
        return None
    after = [
        # What the template does not mention is ignored, and stays as it was before.
        change.get("after") or change.get("before")
        for change in changes
        if isinstance(change, dict) and str(change.get("changeType", "")).casefold() not in _GONE
    ]
    return [resource for resource in after if isinstance(resource, dict)]
