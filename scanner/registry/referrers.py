"""Referrers in Azure Container Registry: the one part of Pushscan that writes to a registry."""

import logging
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from azure.core.credentials import TokenCredential
from urllib3 import BaseHTTPResponse

from scanner.errors import InvalidMessageError, RegistryError, RegistryNotOursError
from scanner.model import Digest, ImageReference
from scanner.ports import Described, Referrer
from scanner.registry.manifests import IMAGE_MANIFESTS, INDEXES, OCI_INDEX, OCI_MANIFEST
from scanner.registry.retries import PassingTroubleError, Timing, persist
from scanner.registry.session import RefusedError, Session, read_capped
from scanner.registry.tokens import TokenCache, TokenRefusedError
from scanner.strict_json import parse_object

logger = logging.getLogger(__name__)

_MAX_MANIFEST_BYTES: Final = 4 << 20
_MAX_PAGES: Final = 20
_KNOWN: Final = IMAGE_MANIFESTS | INDEXES
_ACCEPT: Final = ", ".join(sorted(_KNOWN))
_OK, _CREATED, _ACCEPTED, _REDIRECTED, _NOT_FOUND, _LOCKED = 200, 201, 202, 307, 404, 405


@dataclass(slots=True, kw_only=True)
class _PushSession(Session):
    """To read from the image's repository and to push into it."""

    @property
    def scope(self) -> str:
        return f"repository:{self.image.repository}:pull,push"

    @property
    def refusal(self) -> str:
        return (
            f"{self.image.registry} does not let us push into {self.image.repository}: give the "
            "identity the role AcrPush, or Container Registry Repository Writer where the "
            "registry uses ABAC, or take PUSHSCAN_ATTACH away."
        )


@dataclass(slots=True, kw_only=True)
class _DeleteSession(Session):
    """To delete from the image's repository."""

    @property
    def scope(self) -> str:
        return f"repository:{self.image.repository}:delete"

    @property
    def refusal(self) -> str:
        return (
            f"{self.image.registry} lets nothing be removed from {self.image.repository}: give the "
            "identity the role AcrDelete, or Container Registry Repository Contributor where the "
            "registry uses ABAC; until then superseded attachments stay."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrReferrers:
    """The `Referrers` port. Safe to share between threads; tokens are kept from job to job."""

    credential: TokenCredential = field(repr=False)
    registries: frozenset[str]
    ca_file: Path | None = None
    """Trusted instead of the system's authorities; for a local registry."""
    deadline_seconds: float = 120.0
    """For each call."""
    timing: Timing = field(default_factory=Timing)
    _tokens: TokenCache = field(init=False, repr=False)
    _tls: ssl.SSLContext = field(init=False, repr=False)
    _told: set[str] = field(init=False, repr=False)
    """What has been said once in this process, and need not be said for each image."""

    def __post_init__(self) -> None:
        # How a frozen dataclass fills its own fields (dataclasses documentation).
        tokens = TokenCache(credential=self.credential, now=self.timing.now)
        object.__setattr__(self, "_tokens", tokens)
        object.__setattr__(self, "_tls", ssl.create_default_context(cafile=self.ca_file))
        object.__setattr__(self, "_told", set())

    def describe(self, image: ImageReference) -> Described | None:
        """Describe a manifest by its bytes, or return None where the registry has none."""
        path = f"/v2/{image.repository}/manifests/{image.digest}"

        def attempt(_: int) -> Described | None:
            with closing(session.get(path, {"Accept": _ACCEPT})) as response:
                if response.status == _NOT_FOUND:
                    return None
                _expect(response, _OK, "for a manifest")
                body = read_capped(response, _MAX_MANIFEST_BYTES)
                content_type = response.headers.get("Content-Type", "")
            if Digest.of(body) != image.digest:
                raise PassingTroubleError("The registry serves other bytes than the digest names.")
            return Described(
                media_type=_media_type(body, content_type), digest=image.digest, size=len(body)
            )

        with self._session(_PushSession, image) as session:
            return persist(attempt, deadline=session.deadline, timing=session.timing)

    def attached(self, image: ImageReference) -> tuple[Referrer, ...] | None:
        """List what refers to a manifest; None where the registry has no referrers API."""
        found: list[Referrer] = []
        place = f"/v2/{image.repository}/referrers/{image.digest}"
        path = place
        with self._session(_PushSession, image) as session:
            for _ in range(_MAX_PAGES):
                page, path = persist(
                    partial(_page, session, path),
                    deadline=session.deadline,
                    timing=session.timing,
                )
                if page is None:
                    self._tell_once(f"referrers.unsupported registry={image.registry}")
                    return None
                found += page
                if not path:
                    return tuple(found)
                if urlsplit(path).path != place:
                    break
        raise RegistryError(f"{image.registry} lists referrers without an end.")

    def push(self, image: ImageReference, manifest: bytes, blobs: Sequence[bytes]) -> None:
        """Push blobs and then their manifest, by digest. Safe to repeat."""
        path = f"/v2/{image.repository}/manifests/{Digest.of(manifest)}"

        def put(_: int) -> None:
            headers = {"Content-Type": OCI_MANIFEST}
            with closing(session.send("PUT", path, headers, manifest)) as response:
                _expect(response, _CREATED, "for a manifest that was pushed")

        with self._session(_PushSession, image) as session:
            for blob in blobs:
                persist(
                    partial(_upload, session, blob),
                    deadline=session.deadline,
                    timing=session.timing,
                )
            persist(put, deadline=session.deadline, timing=session.timing)

    def remove(self, image: ImageReference, digest: Digest) -> bool:
        """Remove a manifest; False, said once, where we may not, or a lock forbids it."""
        path = f"/v2/{image.repository}/manifests/{digest}"

        def attempt(_: int) -> bool:
            with closing(session.send("DELETE", path, {})) as response:
                if response.status == _LOCKED:
                    return False
                if response.status != _NOT_FOUND:
                    _expect(response, _ACCEPTED, "for a deletion")
                return True

        with self._session(_DeleteSession, image) as session:
            try:
                return persist(attempt, deadline=session.deadline, timing=session.timing)
            except (RefusedError, TokenRefusedError) as error:
                self._tell_once(f"referrers.may_not_delete why={error}")
                return False

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            logger.warning(message)

    def _session(self, kind: type[Session], image: ImageReference) -> Session:
        if image.registry not in self.registries:
            raise RegistryNotOursError(f"{image.registry} is not one of the configured registries.")
        return kind(
            image=image,
            tokens=self._tokens,
            tls=self._tls,
            deadline=self.timing.deadline(self.deadline_seconds),
            timing=self.timing,
        )


def _expect(response: BaseHTTPResponse, status: int, what: str) -> None:
    if response.status != status:
        raise RegistryError(f"The registry answered with HTTP {response.status} {what}.")


def _media_type(untrusted_manifest: bytes, content_type: str) -> str:
    try:
        written = parse_object(untrusted_manifest, max_bytes=_MAX_MANIFEST_BYTES).get("mediaType")
    except InvalidMessageError as error:
        raise RegistryError("A manifest that was judged cannot be read.") from error
    named = written if isinstance(written, str) else content_type.partition(";")[0].strip()
    return named if named in _KNOWN else OCI_MANIFEST


def _page(session: Session, path: str, _: int) -> tuple[list[Referrer] | None, str]:
    """Return the referrers of a page, or None, and the path of the next page, if there is one."""
    with closing(session.get(path, {"Accept": OCI_INDEX})) as response:
        if response.status == _NOT_FOUND:
            return None, ""
        _expect(response, _OK, "for referrers")
        body = read_capped(response, _MAX_MANIFEST_BYTES)
        following = _next(response.headers.get("Link", ""))
    try:
        untrusted = parse_object(body, max_bytes=_MAX_MANIFEST_BYTES).get("manifests") or []
    except InvalidMessageError as error:
        raise PassingTroubleError("A list of referrers is not JSON.") from error
    entries = untrusted if isinstance(untrusted, list) else []
    return [found for entry in entries if (found := _referrer(entry))], following


def _next(untrusted_link: str) -> str:
    """Read the path of the next page out of a Link header (RFC 8288); other hosts do not count."""
    target, _, parameters = untrusted_link.partition(">")
    parts = urlsplit(target.removeprefix("<"))
    if 'rel="next"' not in parameters:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _referrer(untrusted: object) -> Referrer | None:
    """Read an entry; what is none of ours for certain is left alone."""
    members: Mapping[str, Any] = untrusted if isinstance(untrusted, dict) else {}
    annotations = members.get("annotations") or {}
    try:
        digest = Digest(str(members.get("digest")))
    except InvalidMessageError:
        return None
    if not isinstance(annotations, dict):
        return None
    return Referrer(
        digest=digest,
        artifact_type=str(members.get("artifactType") or ""),
        untrusted_annotations={str(name): str(value) for name, value in annotations.items()},
    )


def _upload(session: Session, blob: bytes, _: int) -> None:
    """Push a blob whole (OCI distribution spec 1.1, "POST then PUT"), unless it is there."""
    digest = Digest.of(blob)
    blobs = f"/v2/{session.image.repository}/blobs/"
    with closing(session.send("HEAD", f"{blobs}{digest}", {})) as response:
        if response.status in {_OK, _REDIRECTED}:
            return
    uploads = f"{blobs}uploads/"
    with closing(session.send("POST", uploads, {}, b"")) as response:
        _expect(response, _ACCEPTED, "for an upload")
        place = urlsplit(response.headers.get("Location", ""))
    # Whatever host it names, this registry is asked, since nobody else is to see the token.
    if not place.path.startswith(uploads):
        raise RegistryError("The registry wants an upload at another place than its own.")
    query = "&".join(filter(None, (place.query, urlencode({"digest": digest}, quote_via=quote))))
    headers = {"Content-Type": "application/octet-stream"}
    with closing(session.send("PUT", f"{place.path}?{query}", headers, blob)) as response:
        _expect(response, _CREATED, "for a blob that was pushed")
