"""Authenticated requests to one configured registry, each session for one scope."""

import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from urllib3 import BaseHTTPResponse, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from scanner.errors import RegistryError
from scanner.model import ImageReference
from scanner.registry.connections import Connections
from scanner.registry.retries import (
    Deadline,
    PassingTroubleError,
    Timing,
    persist,
    retry_after_seconds,
)
from scanner.registry.tokens import TokenCache, TokenRefusedError

MAX_TOKEN_ANSWER_BYTES = 64 * 1024
HTTPS_PORT = 443


class RefusedError(RegistryError):
    """Raised when the registry knows us and does not let us."""


def split_host(host: str) -> tuple[str, int]:
    """Split `host` or `host:port`; the port is 443 when it is not said."""
    name, _, port = host.partition(":")
    return name, int(port) if port else HTTPS_PORT


@dataclass(slots=True, kw_only=True)
class RegistrySession:
    """The connections and the token for one scope; whoever derives says which."""

    tokens: TokenCache
    tls: ssl.SSLContext = field(repr=False)
    deadline: Deadline
    timing: Timing
    connections: Connections = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.connections = Connections(tls=self.tls, deadline=self.deadline, timing=self.timing)

    def __enter__(self) -> Self:
        self.connections.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connections.__exit__(kind, error, trace)

    def get(self, path: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Ask the registry once; the body is not read yet, redirects are not followed.

        Raises PassingTroubleError for what may be gone in a moment, and RefusedError when the
        registry refuses us. Any other status is returned.
        """
        return self.send("GET", path, headers)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> BaseHTTPResponse:
        """Send a request once, as `get` does; it must be safe to repeat."""
        token = self.token()
        response = self._send_with(token, method, path, headers, body)
        if response.status == 401:  # noqa: PLR2004 - Unauthorized
            # The token was revoked or expired on the way: once more with a new one.
            response.close()
            self.tokens.forget(self.host, self.scope, token)
            response = self._send_with(self.token(), method, path, headers, body)
        return accepted(response, self.refusal)

    def abandon(self) -> None:
        """End the job's requests in all its threads, because what they bring is not wanted."""
        self.deadline.end()
        self.connections.shut()

    def _send_with(
        self,
        token: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> BaseHTTPResponse:
        bearer = {"Authorization": f"Bearer {token}"}
        return _send_once(self._pool(), method, path, {**headers, **bearer}, body)

    @property
    def host(self) -> str:
        """The login server, `host` or `host:port`."""
        raise NotImplementedError

    @property
    def scope(self) -> str:
        """What the token is for, in the words of the registry."""
        raise NotImplementedError

    @property
    def refusal(self) -> str:
        """What to tell when the registry does not let us, and what to do about it."""
        raise NotImplementedError

    def token(self) -> str:
        """Return a token for that and nothing else. Raises RegistryError."""
        return self.tokens.access_token(self.host, self.scope, self._post_form)

    def _pool(self) -> HTTPSConnectionPool:
        return self.connections.pool(*split_host(self.host))

    def _post_form(self, path: str, form: Mapping[str, str]) -> bytes:
        return persist(
            lambda _: self._post_once(path, form), deadline=self.deadline, timing=self.timing
        )

    def _post_once(self, path: str, form: Mapping[str, str]) -> bytes:
        headers = {
            **self._pool().headers,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            response = self._pool().request(
                "POST",
                path,
                body=urlencode(form),
                headers=headers,
                redirect=False,
                preload_content=False,
            )
        except HTTPError as error:
            raise PassingTroubleError("The registry cannot be reached.") from error
        with closing(response):
            if response.status == 401:  # noqa: PLR2004 - Unauthorized
                raise TokenRefusedError(self.refusal)
            accepted(response, self.refusal)
            if response.status != 200:  # noqa: PLR2004 - OK
                raise RegistryError(f"The registry gave no token (HTTP {response.status}).")
            body = read_capped(response, MAX_TOKEN_ANSWER_BYTES)
        if len(body) > MAX_TOKEN_ANSWER_BYTES:
            raise RegistryError("The registry's answer to a token request is too long.")
        return body


@dataclass(slots=True, kw_only=True)
class Session(RegistrySession):
    """The connections and the token for one image, for as long as one job needs them."""

    image: ImageReference

    @property
    def host(self) -> str:
        """The image's registry."""
        return self.image.registry

    @property
    def scope(self) -> str:
        """To pull from the image's repository."""
        return f"repository:{self.image.repository}:pull"

    @property
    def refusal(self) -> str:
        """Tell which role lacks."""
        return (
            f"{self.image.registry} does not let us pull {self.image.repository}: give the "
            "identity the role AcrPull, or Container Registry Repository Reader where the "
            "registry uses ABAC, and see that its network rules let this app in."
        )


def get_once(pool: HTTPSConnectionPool, path: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
    """Send one GET. Raises PassingTroubleError when no answer comes."""
    return _send_once(pool, "GET", path, headers, None)


def _send_once(
    pool: HTTPSConnectionPool,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> BaseHTTPResponse:
    try:
        return pool.request(
            method,
            path,
            body=body,
            headers={**pool.headers, **headers},
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
    except HTTPError as error:
        raise PassingTroubleError(f"{pool.host} cannot be reached.") from error


def accepted(response: BaseHTTPResponse, refusal: str) -> BaseHTTPResponse:
    """Return the response unless its status says not now (429, 5xx) or not you (401, 403)."""
    status = response.status
    if status == 429 or status >= 500:  # noqa: PLR2004 - Too Many Requests, server errors
        response.close()
        wait = retry_after_seconds(response.headers.get("Retry-After"))
        raise PassingTroubleError(
            f"The registry is busy (HTTP {status}).", retry_after_seconds=wait
        )
    if status in {401, 403}:
        response.close()
        raise RefusedError(f"{refusal} (HTTP {status})")
    return response


def read_capped(response: BaseHTTPResponse, limit: int) -> bytes:
    """Read a whole body, or `limit` + 1 bytes of a longer one.

    Raises PassingTroubleError when it breaks off.
    """
    body = b""
    try:
        while len(body) <= limit and (part := response.read(limit + 1 - len(body))):
            body += part
    except HTTPError as error:
        raise PassingTroubleError("The registry broke off an answer.") from error
    return body
