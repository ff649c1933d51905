"""Manifests through azure-containerregistry, on our own connections.

The SDK's own transport follows 30 redirects to any https host, waits 300 s for each answer and
as long as `Retry-After` says, and asks for two new tokens for every request. Ours does none of
it, so the SDK is left to do what it is good for: to speak ACR.
"""

import json
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import closing
from typing import Any, Self
from urllib.parse import urlsplit

from azure.containerregistry import ContainerRegistryClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest, HttpResponse
from urllib3 import HTTPHeaderDict

from scanner.errors import RegistryError
from scanner.model import Digest
from scanner.registry.session import Session, read_capped

_HEADERS_OF_OURS = frozenset({"authorization", "accept-encoding", "host", "cookie"})


class ManifestNotFoundError(Exception):
    """Raised when the registry has no manifest of that digest (any more)."""


def fetch_manifest(
    session: Session, credential: TokenCredential, digest: Digest, *, limit: int
) -> bytes:
    """Ask once for a manifest; the bytes are not verified here.

    Returns:
        The manifest, or `limit` + 1 bytes of a larger one.

    Raises ManifestNotFoundError, PassingTroubleError or RegistryError.
    """
    image = session.image
    bodies: list[bytes] = []

    def keep(response: PipelineResponse[HttpRequest, HttpResponse]) -> None:
        bodies.append(response.http_response.content)

    with ContainerRegistryClient(
        f"https://{image.registry}",
        credential,
        transport=_Transport(session, limit),
        retry_total=0,
        permit_redirects=False,
    ) as client:
        try:
            client.get_manifest(image.repository, str(digest), raw_response_hook=keep)
        except ResourceNotFoundError as error:
            raise ManifestNotFoundError from error
        except HttpResponseError as error:
            raise RegistryError(
                f"The registry answered with HTTP {error.status_code} for a manifest."
            ) from error
        except (ValueError, KeyError, RecursionError):
            # The SDK found fault with the size, the JSON, the digest or a missing header. Those
            # are judged by us, on the bytes, because ours ends in a verdict.
            pass
        except AzureError as error:
            raise RegistryError("The manifest could not be fetched.") from error
    if not bodies:
        raise RegistryError("The manifest could not be fetched.")
    return bodies[-1]


class _Transport(HttpTransport[HttpRequest, HttpResponse]):
    """The SDK's requests, sent with the session's token, deadline and limits."""

    def __init__(self, session: Session, limit: int) -> None:
        self._session = session
        self._limit = limit

    def send(self, request: HttpRequest, **_: object) -> HttpResponse:
        """Send a GET to the session's registry, whatever host the request names."""
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _HEADERS_OF_OURS
        }
        with closing(self._session.get(urlsplit(request.url).path, headers)) as response:
            body = read_capped(response, self._limit)
            return _Answer(request, response.status, response.headers, body)

    def open(self) -> None:
        """Do nothing: the session is open."""

    def close(self) -> None:
        """Do nothing: the session outlives the client."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _Answer(HttpResponse):
    """A whole response in memory, in the form that azure-core asks for."""

    encoding: str | None = "utf-8"

    def __init__(
        self, request: HttpRequest, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        self._request = request
        self._status = status
        self._headers = HTTPHeaderDict(headers)
        self._body = body

    @property
    def request(self) -> HttpRequest:
        return self._request

    @property
    def status_code(self) -> int:
        return self._status

    @property
    def headers(self) -> MutableMapping[str, str]:
        return self._headers

    @property
    def reason(self) -> str:
        return ""

    @property
    def content_type(self) -> str | None:
        return self._headers.get("Content-Type")

    @property
    def is_closed(self) -> bool:
        return True

    @property
    def is_stream_consumed(self) -> bool:
        return True

    @property
    def url(self) -> str:
        return self._request.url

    @property
    def content(self) -> bytes:
        return self._body

    def text(self, encoding: str | None = None) -> str:
        return self._body.decode(encoding or "utf-8", errors="replace")

    def json(self) -> Any:  # noqa: ANN401 - azure-core's signature
        return json.loads(self._body)

    def raise_for_status(self) -> None:
        if self._status >= 400:  # noqa: PLR2004 - client and server errors
            raise HttpResponseError(response=self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def close(self) -> None:
        return None

    def read(self) -> bytes:
        return self._body

    def iter_raw(self, **_: object) -> Iterator[bytes]:
        yield self._body

    def iter_bytes(self, **_: object) -> Iterator[bytes]:
        yield self._body
