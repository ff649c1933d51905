"""The storage host: a second origin that serves blobs to whoever holds a signed link.

Behaves as Azure Blob Storage does for such links: Range, an expiry, and a refusal when the client
carries the registry's Authorization over to it.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local.acr.blobs import BlobDirectory

# Large, because each chunk costs a turn of the event loop and a pass through TLS.
_CHUNK_BYTES = 512 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class SignedLinks:
    """Makes and checks links to blobs, in the shape that ACR's redirects have been recorded in."""

    def __init__(self, host: str, lifetime: timedelta) -> None:
        self._host = host
        self._lifetime = lifetime
        self._key = secrets.token_bytes(32)
        self._registry_id = secrets.token_hex(16)

    def link(self, digest: str) -> str:
        """Make a link to a blob, valid from now on for the lifetime."""
        hex_digits = digest.removeprefix("sha256:")
        path = (
            f"/{self._registry_id}-local//docker/registry/v2/blobs/sha256/"
            f"{hex_digits[:2]}/{hex_digits}/data"
        )
        expiry = (datetime.now(UTC) + self._lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {
            "se": expiry,
            "sig": self._sign(path, expiry),
            "sp": "r",
            "spr": "https",
            "sr": "b",
            "sv": "2016-05-31",
            "regid": self._registry_id,
        }
        return f"https://{self._host}{path}?{urlencode(query, quote_via=quote)}"

    def is_valid(self, request: Request) -> bool:
        """Check the signature and the expiry of a link that came back."""
        expiry = request.query_params.get("se", "")
        expected = self._sign(request.url.path, expiry)
        if not hmac.compare_digest(request.query_params.get("sig", ""), expected):
            return False
        return datetime.strptime(expiry, "%Y-%m-%dT%H:%M:%S%z").timestamp() > time.time()

    def _sign(self, path: str, expiry: str) -> str:
        signature = hmac.digest(self._key, f"{path}\n{expiry}".encode(), hashlib.sha256)
        return base64.b64encode(signature).decode("ascii")


class StorageHost:
    """Serves blobs by signed link and keeps count of clients that gave away their token."""

    def __init__(self, blobs: BlobDirectory, links: SignedLinks) -> None:
        self._blobs = blobs
        self._links = links
        self.authorization_leaks: list[str] = []
        """Paths of the requests that arrived with an Authorization header."""

    def application(self) -> Starlette:
        """Build the application."""
        return Starlette(routes=[Route("/{account}//docker/{rest:path}", self.read)])

    async def read(self, request: Request) -> Response:
        """Answer GET or HEAD of a blob, whole or in part."""
        if "authorization" in request.headers:
            self.authorization_leaks.append(request.url.path)
            return _fault(HTTPStatus.BAD_REQUEST, "InvalidAuthenticationInfo")
        if not self._links.is_valid(request):
            return _fault(HTTPStatus.FORBIDDEN, "AuthenticationFailed")
        hex_digits = request.url.path.split("/")[-2]
        size = self._blobs.size(hex_digits)
        if size is None:
            return _fault(HTTPStatus.NOT_FOUND, "BlobNotFound")
        path = self._blobs.path(hex_digits)
        wanted = _RANGE.fullmatch(request.headers.get("range", ""))
        if wanted is None:
            return _FileSlice(path, start=0, end=size, size=size)
        start = int(wanted[1])
        if start >= size:
            return _fault(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "InvalidRange")
        end = min(int(wanted[2]) + 1, size) if wanted[2] else size
        return _FileSlice(path, start=start, end=end, size=size, is_partial=True)


class _FileSlice(Response):
    """Part of a file, sent in chunks much larger than Starlette's FileResponse sends."""

    def __init__(
        self, path: Path, *, start: int, end: int, size: int, is_partial: bool = False
    ) -> None:
        headers = {"Content-Length": str(end - start), "Accept-Ranges": "bytes"}
        if is_partial:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        super().__init__(
            status_code=HTTPStatus.PARTIAL_CONTENT if is_partial else HTTPStatus.OK,
            headers=headers,
            media_type="application/octet-stream",
        )
        self._path = path
        self._start = start
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        await send(start)
        if scope["method"] != "HEAD":
            for chunk in _chunks(self._path, self._start, self._end):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _chunks(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(_CHUNK_BYTES, end - start))):
            start += len(chunk)
            yield chunk


def _fault(status: HTTPStatus, code: str) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'
    return Response(body, status, {"x-ms-error-code": code}, "application/xml")
