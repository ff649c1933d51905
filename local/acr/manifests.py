"""`/v2`: manifests, tag lists, referrers (OCI distribution spec 1.1)."""

import hashlib
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.acr.catalogue import (
    Catalogue,
    Repository,
    StoredManifest,
    is_digest,
    require_tag,
    timestamp,
)
from local.acr.documents import ManifestDocument
from local.acr.paging import page_of
from local.acr.refusals import JSON_UTF8, Refusal, manifest_unknown
from local.acr.rules import Rules
from local.acr.webhooks import Webhooks

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
_INDEX = "application/vnd.oci.image.index.v1+json"
_ONE = "/v2/{name:path}/manifests/{reference}"


class ManifestRoutes:
    """Stores manifests and tells the webhooks of each change."""

    def __init__(self, catalogue: Catalogue, webhooks: Webhooks, rules: Rules) -> None:
        self._rules = rules
        self._catalogue = catalogue
        self._webhooks = webhooks

    def routes(self) -> list[Route]:
        """List the routes."""
        return [
            Route("/v2/", self.ping, methods=["GET"]),
            Route("/v2/_catalog", self.catalog, methods=["GET"]),
            Route("/v2/{name:path}/tags/list", self.tags, methods=["GET"]),
            Route("/v2/{name:path}/referrers/{digest}", self.referrers, methods=["GET"]),
            Route(_ONE, self.read, methods=["GET", "HEAD"]),
            Route(_ONE, self.write, methods=["PUT"]),
            Route(_ONE, self.delete, methods=["DELETE"]),
        ]

    async def ping(self, _: Request) -> Response:
        """Say that this is a registry and that the token is good."""
        return JSONResponse({}, media_type=JSON_UTF8)

    async def catalog(self, request: Request) -> Response:
        """List repositories."""
        page = page_of(self._catalogue.names(), request, name=lambda name: name)
        return page.response({"repositories": page.items})

    async def tags(self, request: Request) -> Response:
        """List the tags of a repository."""
        repository = self._catalogue.find(request.path_params["name"])
        page = page_of(sorted(repository.tags), request, name=lambda tag: tag)
        return page.response({"name": repository.name, "tags": page.items})

    async def read(self, request: Request) -> Response:
        """Answer with the very bytes that were pushed."""
        repository = self._catalogue.find(request.path_params["name"])
        reference = request.path_params["reference"]
        manifest = repository.manifest(reference)
        repository.attributes.require_read()
        manifest.attributes.require_read()
        if reference in repository.tags:
            repository.tags[reference].attributes.require_read()
        _require_accepted(request, manifest, reference)
        headers = {
            "Docker-Content-Digest": manifest.digest,
            "ETag": f'"{manifest.digest}"',
            "Content-Type": manifest.media_type,
        }
        return Response(manifest.content, headers=headers)

    async def write(self, request: Request) -> Response:
        """Take a manifest whose digest is right and whose parts are all here."""
        repository = self._catalogue.find_or_create(request.path_params["name"])
        reference = request.path_params["reference"]
        tag = None if is_digest(reference) else require_tag(reference)
        manifest = await _received(request)
        if tag is None and manifest.digest != reference:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "DIGEST_INVALID",
                "provided digest did not match uploaded content",
            )
        _require_parts(repository, manifest.document)
        repository.attributes.require_write()
        repository.put(manifest, tag)
        useragent = request.headers.get("user-agent", "")
        self._webhooks.pushed(repository.name, manifest, tag, useragent)
        headers = {
            "Docker-Content-Digest": manifest.digest,
            "Location": f"/v2/{repository.name}/manifests/{manifest.digest}",
        }
        if manifest.document.subject is not None:
            headers["OCI-Subject"] = manifest.document.subject.digest
        return Response(status_code=HTTPStatus.CREATED, headers=headers)

    async def delete(self, request: Request) -> Response:
        """Remove a manifest by digest, or a mere tag: of a tag no event tells."""
        repository = self._catalogue.find(request.path_params["name"])
        reference = request.path_params["reference"]
        repository.attributes.require_delete()
        if is_digest(reference):
            manifest = repository.delete_manifest(reference)
            useragent = request.headers.get("user-agent", "")
            self._webhooks.deleted(repository.name, manifest, useragent)
        elif reference in repository.tags:
            repository.delete_tag(reference)
        else:
            raise manifest_unknown(reference)
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def referrers(self, request: Request) -> Response:
        """List the manifests whose subject is this one, as an index."""
        repository = self._catalogue.find(request.path_params["name"])
        if not self._rules.has_referrers:
            raise Refusal(HTTPStatus.NOT_FOUND, "UNSUPPORTED", "there is no referrers API")
        wanted = request.query_params.get("artifactType")
        found = [
            _referrer(manifest)
            for manifest in repository.manifests.values()
            if manifest.document.subject is not None
            and manifest.document.subject.digest == request.path_params["digest"]
        ]
        if wanted:
            found = [entry for entry in found if entry["artifactType"] == wanted]
        headers = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
        content = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": found}
        return JSONResponse(content, headers=headers, media_type=_INDEX)


async def _received(request: Request) -> StoredManifest:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_MANIFEST_BYTES:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "SIZE_INVALID", "manifest is over 4 MiB"
            )
    try:
        document = ManifestDocument.parse(bytes(content))
    except ValueError as error:
        raise Refusal(
            HTTPStatus.BAD_REQUEST, "MANIFEST_INVALID", "manifest invalid", detail=str(error)
        ) from error
    media_type = request.headers.get("content-type") or document.media_type
    if document.media_type and media_type != document.media_type:
        raise Refusal(
            HTTPStatus.BAD_REQUEST, "MANIFEST_INVALID", "mediaType is not that of the Content-Type"
        )
    now = timestamp()
    return StoredManifest(
        digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
        media_type=media_type,
        content=bytes(content),
        document=document,
        created=now,
        updated=now,
    )


def _require_parts(repository: Repository, document: ManifestDocument) -> None:
    missing = [d.digest for d in document.needed_blobs if d.digest not in repository.blobs]
    missing += [d.digest for d in document.children if d.digest not in repository.manifests]
    if missing:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "MANIFEST_BLOB_UNKNOWN",
            "blob unknown to registry",
            detail=[{"Digest": digest} for digest in missing],
        )


def _require_accepted(request: Request, manifest: StoredManifest, reference: str) -> None:
    """Refuse an OCI type that the client does not accept, as distribution 2.8 does."""
    accepted = ",".join(request.headers.getlist("accept"))
    if not accepted or "*/*" in accepted or manifest.media_type in accepted:
        return
    if manifest.media_type.startswith("application/vnd.oci."):
        kind = "index" if manifest.document.is_index else "manifest"
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            "MANIFEST_UNKNOWN",
            f"OCI {kind} found, but accept header does not support OCI {kind}s",
            detail={"Reference": reference},
        )


def _referrer(manifest: StoredManifest) -> dict[str, Any]:
    document = manifest.document
    fallback = document.config.media_type if document.config else ""
    return {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": len(manifest.content),
        "artifactType": document.artifact_type or fallback,
        "annotations": dict(document.annotations),
    }
