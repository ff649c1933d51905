"""`/v2/NAME/blobs`: uploads in chunks, at once or by mount; downloads by redirect.

OCI distribution spec 1.1, "Push" and "Pulling blobs".
"""

import html
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.acr.blobs import BlobDirectory, Upload
from local.acr.catalogue import Catalogue, Repository, is_digest
from local.acr.refusals import Refusal, blob_unknown
from local.acr.storage import SignedLinks

_ONE = "/v2/{name:path}/blobs/{digest}"
_UPLOADS = "/v2/{name:path}/blobs/uploads/"
_UPLOAD = "/v2/{name:path}/blobs/uploads/{upload}"


class BlobRoutes:
    """Answers for blobs; the content itself comes from the storage host."""

    def __init__(self, catalogue: Catalogue, blobs: BlobDirectory, links: SignedLinks) -> None:
        self._catalogue = catalogue
        self._blobs = blobs
        self._links = links

    def routes(self) -> list[Route]:
        """List the routes, the more specific first."""
        return [
            Route(_UPLOADS, self.begin, methods=["POST"]),
            Route(_UPLOAD, self.status, methods=["GET"]),
            Route(_UPLOAD, self.append, methods=["PATCH"]),
            Route(_UPLOAD, self.complete, methods=["PUT"]),
            Route(_UPLOAD, self.cancel, methods=["DELETE"]),
            Route(_ONE, self.read, methods=["GET", "HEAD"]),
            Route(_ONE, self.delete, methods=["DELETE"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Start an upload, take a whole one, or mount a blob of another repository."""
        repository = self._catalogue.find_or_create(request.path_params["name"])
        mounted = request.query_params.get("mount")
        if mounted and self._mount(repository, mounted, request.query_params.get("from", "")):
            return self._created(repository, mounted)
        upload = self._blobs.begin()
        digest = request.query_params.get("digest")
        if digest is None:
            return self._accepted(repository, upload)
        await _receive(request, upload)
        return self._finish(repository, upload, digest)

    async def status(self, request: Request) -> Response:
        """Say how far an upload is."""
        upload = self._blobs.upload(request.path_params["upload"])
        repository = self._catalogue.find(request.path_params["name"])
        return self._accepted(repository, upload, HTTPStatus.NO_CONTENT)

    async def append(self, request: Request) -> Response:
        """Take a chunk, which must begin where the last one ended."""
        upload = self._blobs.upload(request.path_params["upload"])
        start = request.headers.get("content-range", "").partition("-")[0]
        if start.isdecimal() and int(start) != upload.offset:
            raise Refusal(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                "BLOB_UPLOAD_INVALID",
                "the chunk does not begin at the offset of the upload",
            )
        await _receive(request, upload)
        return self._accepted(self._catalogue.find(request.path_params["name"]), upload)

    async def complete(self, request: Request) -> Response:
        """Take the last chunk, if any, and check the digest."""
        upload = self._blobs.upload(request.path_params["upload"])
        await _receive(request, upload)
        repository = self._catalogue.find(request.path_params["name"])
        return self._finish(repository, upload, request.query_params.get("digest", ""))

    async def cancel(self, request: Request) -> Response:
        """Drop an upload."""
        self._blobs.cancel(self._blobs.upload(request.path_params["upload"]))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def read(self, request: Request) -> Response:
        """Redirect a GET to the storage host; answer a HEAD here."""
        repository, digest = self._find(request)
        size = self._blobs.size(digest)
        if size is None:
            raise blob_unknown(digest)
        if request.method == "HEAD":
            return Response(
                headers={"Content-Length": str(size), "Docker-Content-Digest": digest},
                media_type="application/octet-stream",
            )
        repository.attributes.require_read()
        location = self._links.link(digest)
        return Response(
            f'<a href="{html.escape(location)}">Temporary Redirect</a>.\n\n',
            HTTPStatus.TEMPORARY_REDIRECT,
            {"Location": location, "Docker-Content-Digest": digest},
            "text/html; charset=utf-8",
        )

    async def delete(self, request: Request) -> Response:
        """Take a blob out of a repository; the file stays, another may hold it."""
        repository, digest = self._find(request)
        repository.blobs.discard(digest)
        return Response(status_code=HTTPStatus.ACCEPTED, headers={"Docker-Content-Digest": digest})

    def _find(self, request: Request) -> tuple[Repository, str]:
        digest = request.path_params["digest"]
        repository = self._catalogue.find(request.path_params["name"])
        if digest not in repository.blobs:
            raise blob_unknown(digest)
        return repository, digest

    def _mount(self, repository: Repository, digest: str, source: str) -> bool:
        if source in self._catalogue and digest in self._catalogue.find(source).blobs:
            repository.blobs.add(digest)
            return True
        return False

    def _finish(self, repository: Repository, upload: Upload, digest: str) -> Response:
        if not is_digest(digest):
            self._blobs.cancel(upload)
            raise Refusal(HTTPStatus.BAD_REQUEST, "DIGEST_INVALID", "digest is not valid")
        self._blobs.finish(upload, digest)
        repository.blobs.add(digest)
        return self._created(repository, digest)

    def _created(self, repository: Repository, digest: str) -> Response:
        headers = {
            "Location": f"/v2/{repository.name}/blobs/{digest}",
            "Docker-Content-Digest": digest,
        }
        return Response(status_code=HTTPStatus.CREATED, headers=headers)

    def _accepted(
        self, repository: Repository, upload: Upload, status: HTTPStatus = HTTPStatus.ACCEPTED
    ) -> Response:
        location = f"/v2/{repository.name}/blobs/uploads/{upload.id}"
        headers = {
            "Location": f"{location}?_nouploadcache=false&_state={upload.offset}",
            "Docker-Upload-UUID": upload.id,
            "Range": f"0-{max(upload.offset - 1, 0)}",
        }
        return Response(status_code=status, headers=headers)


async def _receive(request: Request, upload: Upload) -> None:
    async for chunk in request.stream():
        upload.write(chunk)
