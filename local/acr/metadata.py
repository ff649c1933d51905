"""`/acr/v1`: what the service knows of repositories, tags and manifests, and their locks.

Shapes: recorded traffic in Azure/azure-sdk-for-js, and the models of azure-containerregistry 1.2.0.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.acr.blobs import BlobDirectory
from local.acr.catalogue import Attributes, Catalogue, Repository, StoredManifest, StoredTag
from local.acr.paging import Page, page_of
from local.acr.refusals import JSON_UTF8, Refusal
from local.acr.webhooks import Webhooks

_CONFIG_BYTES = 4 * 1024 * 1024
_BODY_BYTES = 64 * 1024
_NAME = "/acr/v1/{name:path}"
T = TypeVar("T", StoredTag, StoredManifest)


class MetadataRoutes:
    """Describes what is stored; changes locks; deletes tags and repositories."""

    def __init__(
        self, login_server: str, catalogue: Catalogue, blobs: BlobDirectory, webhooks: Webhooks
    ) -> None:
        self._login_server = login_server
        self._catalogue = catalogue
        self._blobs = blobs
        self._webhooks = webhooks

    def routes(self) -> list[Route]:
        """List the routes, the more specific first."""
        return [
            Route("/acr/v1/_catalog", self.catalog, methods=["GET"]),
            Route(f"{_NAME}/_tags", self.tags, methods=["GET"]),
            Route(f"{_NAME}/_tags/{{tag}}", self.tag, methods=["GET", "PATCH"]),
            Route(f"{_NAME}/_tags/{{tag}}", self.delete_tag, methods=["DELETE"]),
            Route(f"{_NAME}/_manifests", self.manifests, methods=["GET"]),
            Route(f"{_NAME}/_manifests/{{digest}}", self.manifest, methods=["GET", "PATCH"]),
            Route(_NAME, self.repository, methods=["GET", "PATCH"]),
            Route(_NAME, self.delete_repository, methods=["DELETE"]),
        ]

    async def catalog(self, request: Request) -> Response:
        """List repositories."""
        page = page_of(self._catalogue.names(), request, name=lambda name: name)
        return page.response({"repositories": page.items})

    async def repository(self, request: Request) -> Response:
        """Describe a repository, after changing its locks if asked to."""
        repository = self._find(request)
        if request.method == "PATCH":
            repository.attributes = await _patched(request, repository.attributes)
        return JSONResponse(
            {
                **self._of(repository),
                "createdTime": repository.created,
                "lastUpdateTime": repository.updated,
                "manifestCount": len(repository.manifests),
                "tagCount": len(repository.tags),
                "changeableAttributes": repository.attributes.as_json(),
            },
            media_type=JSON_UTF8,
        )

    async def delete_repository(self, request: Request) -> Response:
        """Remove a repository with all it holds."""
        repository = self._catalogue.delete(request.path_params["name"])
        self._webhooks.deleted(repository.name, None, request.headers.get("user-agent", ""))
        return JSONResponse(
            {
                "manifestsDeleted": sorted(repository.manifests),
                "tagsDeleted": sorted(repository.tags),
            },
            HTTPStatus.ACCEPTED,
            media_type=JSON_UTF8,
        )

    async def tags(self, request: Request) -> Response:
        """List tags, by name or by time, of one manifest or of all."""
        repository = self._find(request)
        digest = request.query_params.get("digest")
        chosen = [tag for tag in repository.tags.values() if digest in {None, tag.digest}]
        page = _page(request, chosen, lambda tag: tag.name)
        listed = [_describe_tag(tag) for tag in page.items]
        return page.response({**self._of(repository), "tags": listed})

    async def tag(self, request: Request) -> Response:
        """Describe a tag, after changing its locks if asked to."""
        repository = self._find(request)
        tag = repository.tag(request.path_params["tag"])
        if request.method == "PATCH":
            tag = replace(tag, attributes=await _patched(request, tag.attributes))
            repository.tags[tag.name] = tag
        return JSONResponse(
            {**self._of(repository), "tag": _describe_tag(tag)}, media_type=JSON_UTF8
        )

    async def delete_tag(self, request: Request) -> Response:
        """Remove a tag; of this no event tells."""
        self._find(request).delete_tag(request.path_params["tag"])
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def manifests(self, request: Request) -> Response:
        """List manifests, by digest or by time."""
        repository = self._find(request)
        page = _page(request, repository.manifests.values(), lambda manifest: manifest.digest)
        listed = [self._describe_manifest(repository, manifest) for manifest in page.items]
        return page.response({**self._of(repository), "manifests": listed})

    async def manifest(self, request: Request) -> Response:
        """Describe a manifest, after changing its locks or quarantine state if asked to."""
        repository = self._find(request)
        manifest = repository.manifest(request.path_params["digest"])
        if request.method == "PATCH":
            attributes = await _patched(request, manifest.attributes)
            manifest = replace(manifest, attributes=attributes)
            repository.manifests[manifest.digest] = manifest
        described = self._describe_manifest(repository, manifest)
        references = [
            {"digest": child.digest, "architecture": child.architecture, "os": child.os}
            for child in manifest.document.children
        ]
        if references:
            described["references"] = references
        return JSONResponse({**self._of(repository), "manifest": described}, media_type=JSON_UTF8)

    def _find(self, request: Request) -> Repository:
        return self._catalogue.find(request.path_params["name"])

    def _of(self, repository: Repository) -> dict[str, Any]:
        return {"registry": self._login_server, "imageName": repository.name}

    def _describe_manifest(
        self, repository: Repository, manifest: StoredManifest
    ) -> dict[str, Any]:
        document = manifest.document
        described: dict[str, Any] = {
            "digest": manifest.digest,
            "imageSize": sum(blob.size for blob in document.needed_blobs) or len(manifest.content),
            "createdTime": manifest.created,
            "lastUpdateTime": manifest.updated,
            **self._platform(manifest),
            "mediaType": manifest.media_type,
        }
        if document.config is not None:
            described["configMediaType"] = document.config.media_type
        # A manifest without tags lacks the member; an empty list has not been seen.
        if tags := repository.tags_of(manifest.digest):
            described["tags"] = tags
        described["changeableAttributes"] = manifest.attributes.as_json()
        return described

    def _platform(self, manifest: StoredManifest) -> dict[str, str]:
        config = manifest.document.config
        content = config and self._blobs.read_small(config.digest, _CONFIG_BYTES)
        try:
            untrusted = json.loads(content or b"{}")
        except (ValueError, RecursionError):
            return {}
        members = untrusted if isinstance(untrusted, dict) else {}
        return {name: str(members[name]) for name in ("architecture", "os") if name in members}


def _describe_tag(tag: StoredTag) -> dict[str, Any]:
    return {
        "name": tag.name,
        "digest": tag.digest,
        "createdTime": tag.created,
        "lastUpdateTime": tag.updated,
        "signed": False,
        "changeableAttributes": tag.attributes.as_json(),
    }


def _page(request: Request, entries: Iterable[T], name: Callable[[T], str]) -> Page[T]:
    order = request.query_params.get("orderby")
    if order in {"timedesc", "timeasc"}:
        ordered = sorted(entries, key=lambda entry: entry.updated, reverse=order == "timedesc")
    else:
        ordered = sorted(entries, key=name)
    return page_of(ordered, request, name=name)


async def _patched(request: Request, attributes: Attributes) -> Attributes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "SIZE_INVALID", "body is too large")
    try:
        untrusted = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            HTTPStatus.BAD_REQUEST, "INVALID_PARAMETER", "the body is not JSON"
        ) from error
    if not isinstance(untrusted, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "INVALID_PARAMETER", "the body is not an object")
    return attributes.changed(untrusted)
