"""A small push client: Basic for a token, blobs in chunks, children before their index."""

import hashlib
import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import quote, urlencode, urljoin

import urllib3

from local.acr.documents import Descriptor, ManifestDocument

_CHUNK_BYTES = 8 * 1024 * 1024
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_REFERENCE_NAME = "org.opencontainers.image.ref.name"
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
USER_AGENT = "pushscan-local/1"


class PushError(Exception):
    """Raised when the registry did not take what was pushed."""


class RegistryClient:
    """Pushes to one registry over HTTPS, as docker, buildx and oras do."""

    def __init__(self, login_server: str, *, username: str, password: str, ca_file: Path) -> None:
        self._base = f"https://{login_server}"
        self._basic = urllib3.make_headers(basic_auth=f"{username}:{password}")
        self._http = urllib3.PoolManager(
            ca_certs=str(ca_file),
            headers={"User-Agent": USER_AGENT},
            retries=False,
            timeout=_TIMEOUT,
        )
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._http.clear()

    def push_layout(self, layout: Path, to: str) -> str:
        """Push the image of an OCI layout directory, or its index with all children.

        Args:
            layout: The directory that holds `index.json` and `blobs`.
            to: `repository:tag`.

        Returns:
            The digest that the tag now names.
        """
        repository, _, tag = to.rpartition(":")
        return self._push_tree(layout, _root_of(layout, tag), repository, tag)

    def push_blob(self, repository: str, content: bytes) -> str:
        """Push one blob from memory; returns its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._upload(
            repository,
            digest,
            (content[i : i + _CHUNK_BYTES] for i in range(0, len(content), _CHUNK_BYTES)),
        )
        return digest

    def push_manifest(
        self, repository: str, content: bytes, *, media_type: str, tag: str | None = None
    ) -> str:
        """Push a manifest by tag, or by digest when there is none; returns its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        path = f"/v2/{repository}/manifests/{tag or quote(digest)}"
        self._expect(
            HTTPStatus.CREATED,
            self._call("PUT", path, body=content, headers={"Content-Type": media_type}),
        )
        return digest

    def delete_manifest(self, repository: str, digest: str) -> None:
        """Delete a manifest with all its tags."""
        path = f"/v2/{repository}/manifests/{quote(digest)}"
        self._expect(HTTPStatus.ACCEPTED, self._call("DELETE", path))

    def delete_repository(self, repository: str) -> None:
        """Delete a repository with all it holds."""
        path = f"/acr/v1/{quote(repository, safe='')}"
        self._expect(HTTPStatus.ACCEPTED, self._call("DELETE", path))

    def _push_tree(
        self, layout: Path, descriptor: Descriptor, repository: str, tag: str | None
    ) -> str:
        content = _blob_path(layout, descriptor.digest).read_bytes()
        document = ManifestDocument.parse(content)
        for child in document.children:
            self._push_tree(layout, child, repository, None)
        for blob in document.needed_blobs:
            with _blob_path(layout, blob.digest).open("rb") as file:
                self._upload(repository, blob.digest, _chunks(file))
        return self.push_manifest(repository, content, media_type=descriptor.media_type, tag=tag)

    def _upload(self, repository: str, digest: str, chunks: Iterator[bytes]) -> None:
        known = self._call("HEAD", f"/v2/{repository}/blobs/{quote(digest)}")
        if known.status == HTTPStatus.OK:
            return
        begun = self._call("POST", f"/v2/{repository}/blobs/uploads/")
        self._expect(HTTPStatus.ACCEPTED, begun)
        location, offset = begun.headers["Location"], 0
        for chunk in chunks:
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Range": f"{offset}-{offset + len(chunk) - 1}",
            }
            answer = self._call("PATCH", location, body=chunk, headers=headers)
            self._expect(HTTPStatus.ACCEPTED, answer)
            location, offset = answer.headers["Location"], offset + len(chunk)
        separator = "&" if "?" in location else "?"
        last = f"{location}{separator}{urlencode({'digest': digest})}"
        self._expect(HTTPStatus.CREATED, self._call("PUT", last))

    def _call(
        self,
        method: str,
        location: str,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Ask with the token at hand, and once more with a new one when challenged."""
        url = urljoin(self._base, location)
        repository_and_verb = f"{method} {location.partition('/blobs/')[0]}"
        answer = self._ask(method, url, body, headers, self._tokens.get(repository_and_verb))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            token = self._token(answer.headers.get("WWW-Authenticate", ""))
            self._tokens[repository_and_verb] = token
            answer = self._ask(method, url, body, headers, token)
        return answer

    def _ask(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: dict[str, str] | None,
        token: str | None,
    ) -> urllib3.BaseHTTPResponse:
        sent = {"User-Agent": USER_AGENT} | (headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return self._http.request(method, url, body=body, headers=sent, redirect=False)

    def _token(self, challenge: str) -> str:
        asked = dict(_CHALLENGE.findall(challenge))
        fields = {name: asked[name] for name in ("service", "scope") if name in asked}
        answer = self._http.request(
            "GET", asked["realm"], fields=fields, headers=self._basic, redirect=False
        )
        self._expect(HTTPStatus.OK, answer)
        return str(answer.json()["access_token"])

    @staticmethod
    def _expect(status: HTTPStatus, answer: urllib3.BaseHTTPResponse) -> None:
        if answer.status != status:
            text = answer.data[:500].decode(errors="replace")
            raise PushError(
                f"the registry answered {answer.status} where {int(status)} is due: {text}"
            )


def _root_of(layout: Path, tag: str) -> Descriptor:
    """Choose what a layout's index.json offers under this tag, or the only thing it offers."""
    listed = json.loads((layout / "index.json").read_bytes())["manifests"]
    named = [d for d in listed if d.get("annotations", {}).get(_REFERENCE_NAME) == tag]
    chosen = named or listed
    if len(chosen) != 1:
        raise PushError(f"{layout} holds {len(listed)} images and none, or several, named {tag}")
    return Descriptor.parse(chosen[0])


def _blob_path(layout: Path, digest: str) -> Path:
    algorithm, _, encoded = digest.partition(":")
    return layout / "blobs" / algorithm / encoded


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk
