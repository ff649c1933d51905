"""The index of the registry, in memory: repositories, their manifests, tags and locks."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from http import HTTPStatus
from typing import Any, Self

from local.acr.documents import ManifestDocument
from local.acr.refusals import Refusal, disallowed, manifest_unknown, name_unknown, tag_unknown

# OCI distribution spec 1.1, "Pulling manifests".
_REPOSITORY = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def timestamp(fraction_digits: int = 7) -> str:
    """Give the time as ACR writes it: RFC 3339, Z, with 7 or 9 digits of fraction."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{f'{nanoseconds:09d}'[:fraction_digits]}Z"


def is_digest(reference: str) -> bool:
    """Tell a digest from a tag."""
    return _DIGEST.fullmatch(reference) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """`changeableAttributes`: locks, and the quarantine state that a scanner writes."""

    delete_enabled: bool = True
    write_enabled: bool = True
    read_enabled: bool = True
    list_enabled: bool = True
    quarantine_details: str | None = None
    quarantine_state: str | None = None

    def as_json(self) -> dict[str, object]:
        """Render the members that are set, under the names of the service."""
        named = {_json_name(f.name): getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in named.items() if value is not None}

    def changed(self, untrusted_body: Mapping[str, object]) -> Self:
        """Apply a PATCH body; members that are not ours are ignored, as the service does."""
        wanted: dict[str, Any] = {
            f.name: untrusted_body[_json_name(f.name)]
            for f in fields(self)
            if _json_name(f.name) in untrusted_body
        }
        for name, value in wanted.items():
            expected = str if name.startswith("quarantine") else bool
            if not isinstance(value, expected):
                raise Refusal(
                    HTTPStatus.BAD_REQUEST, "INVALID_PARAMETER", f"{_json_name(name)} is malformed"
                )
        return replace(self, **wanted)

    def require_read(self) -> None:
        """Refuse a read that a lock forbids."""
        if not self.read_enabled:
            raise disallowed()

    def require_write(self) -> None:
        """Refuse a change that a lock forbids."""
        if not self.write_enabled:
            raise disallowed()

    def require_delete(self) -> None:
        """Refuse a deletion that a lock forbids; either of two locks does."""
        if not (self.delete_enabled and self.write_enabled):
            raise disallowed()


def _json_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredManifest:
    """A manifest as it was pushed, byte for byte."""

    digest: str
    media_type: str
    content: bytes = field(repr=False)
    document: ManifestDocument
    created: str
    updated: str
    attributes: Attributes = Attributes()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTag:
    """A name for a manifest, with a history of its own."""

    name: str
    digest: str
    created: str
    updated: str
    attributes: Attributes = Attributes()


class Repository:
    """Manifests, tags and the digests of the blobs that were pushed or mounted here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.created = self.updated = timestamp()
        self.attributes = Attributes()
        self.manifests: dict[str, StoredManifest] = {}
        self.tags: dict[str, StoredTag] = {}
        self.blobs: set[str] = set()

    def manifest(self, reference: str) -> StoredManifest:
        """Find a manifest by tag or digest; Refusal when there is none."""
        tag = self.tags.get(reference)
        manifest = self.manifests.get(tag.digest if tag else reference)
        if manifest is None:
            raise manifest_unknown(reference)
        return manifest

    def tag(self, name: str) -> StoredTag:
        """Find a tag; Refusal when there is none."""
        if name not in self.tags:
            raise tag_unknown(name)
        return self.tags[name]

    def tags_of(self, digest: str) -> list[str]:
        """List the tags that point at a manifest."""
        return sorted(tag.name for tag in self.tags.values() if tag.digest == digest)

    def put(self, manifest: StoredManifest, tag: str | None) -> None:
        """Store a manifest, keeping the creation time and the locks of one already here."""
        now = self.updated = timestamp()
        known = self.manifests.get(manifest.digest)
        if known is not None:
            known.attributes.require_write()
            manifest = replace(manifest, created=known.created, attributes=known.attributes)
        self.manifests[manifest.digest] = manifest
        if tag is not None:
            self._point(tag, manifest.digest, now)

    def _point(self, name: str, digest: str, now: str) -> None:
        known = self.tags.get(name)
        if known is None:
            self.tags[name] = StoredTag(name=name, digest=digest, created=now, updated=now)
            return
        known.attributes.require_write()
        self.tags[name] = replace(known, digest=digest, updated=now)

    def delete_manifest(self, digest: str) -> StoredManifest:
        """Remove a manifest with all its tags; Refusal when there is none or a lock forbids it."""
        manifest = self.manifests.get(digest)
        if manifest is None:
            raise manifest_unknown(digest)
        manifest.attributes.require_delete()
        del self.manifests[digest]
        for name in self.tags_of(digest):
            del self.tags[name]
        return manifest

    def delete_tag(self, name: str) -> None:
        """Remove a tag and leave its manifest; Refusal when there is none or a lock forbids it."""
        self.tag(name).attributes.require_delete()
        del self.tags[name]


class Catalogue:
    """All repositories by name."""

    def __init__(self) -> None:
        self._repositories: dict[str, Repository] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._repositories

    def names(self) -> list[str]:
        """List the repositories that hold a manifest."""
        return sorted(name for name, found in self._repositories.items() if found.manifests)

    def find(self, name: str) -> Repository:
        """Find a repository; Refusal when there is none."""
        if name not in self._repositories:
            raise name_unknown(name)
        return self._repositories[name]

    def find_or_create(self, name: str) -> Repository:
        """Find a repository or begin one; Refusal when the name is not by the grammar."""
        if not _REPOSITORY.fullmatch(name):
            raise Refusal(HTTPStatus.BAD_REQUEST, "NAME_INVALID", "invalid repository name")
        return self._repositories.setdefault(name, Repository(name))

    def delete(self, name: str) -> Repository:
        """Remove a repository; Refusal when there is none or a lock forbids it."""
        repository = self.find(name)
        repository.attributes.require_delete()
        return self._repositories.pop(name)


def require_tag(reference: str) -> str:
    """Check a tag against the grammar; Refusal when it does not fit."""
    if not _TAG.fullmatch(reference):
        raise Refusal(HTTPStatus.BAD_REQUEST, "TAG_INVALID", "manifest tag is not valid")
    return reference
