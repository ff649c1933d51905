"""Who may do what: the 401 challenge, the scope each path needs, and the two OAuth endpoints."""

import base64
import binascii
import hmac
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.acr.refusals import JSON_UTF8, Refusal
from local.acr.rules import Rules
from local.acr.tokens import EVERYTHING, READ, Access, TokenIssuer, catalog_access

# docker login with a refresh token as the password (Azure/acr docs/AAD-OAuth.md).
_REFRESH_TOKEN_USER = "00000000-0000-0000-0000-000000000000"  # noqa: S105  a documented user name
_V2 = re.compile(r"/v2/(?P<name>.+)/(?P<part>manifests|blobs|tags|referrers)/.*")
_ACR = re.compile(r"/acr/v1/(?P<name>.+?)(?:/_(?:tags|manifests)(?:/.*)?)?")
_PUSH = frozenset({"pull", "push"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The admin user of the registry."""

    username: str
    password: str = field(repr=False)


def required_access(method: str, path: str) -> Access | None:
    """Name the scope that a request needs; None where any token will do (`/v2/`)."""
    if path in {"/v2/_catalog", "/acr/v1/_catalog"}:
        return catalog_access()
    for pattern, read, write in (
        (_V2, frozenset({"pull"}), _PUSH),
        (_ACR, frozenset({"metadata_read"}), frozenset({"metadata_write"})),
    ):
        match = pattern.fullmatch(path)
        if match is None:
            continue
        if method in {"GET", "HEAD"}:
            is_list = match.groupdict().get("part") == "tags"
            actions = frozenset({"metadata_read"}) if is_list else read
        else:
            actions = frozenset({"delete"}) if method == "DELETE" else write
        return Access(kind="repository", name=match["name"], actions=actions)
    return None


def _suffices(held: Sequence[Access], needed: Access) -> bool:
    of_same = [a.actions for a in held if (a.kind, a.name) == (needed.kind, needed.name)]
    actions = frozenset().union(*of_same)
    # Registry clients ask for `pull` to list tags; the service takes it for metadata_read there.
    if needed.actions == {"metadata_read"} and "pull" in actions:
        return True
    return needed.actions <= actions


class Gate:
    """An ASGI application that lets through what carries a sufficient token or password."""

    def __init__(
        self, app: ASGIApp, *, login_server: str, admin: Credentials, tokens: TokenIssuer
    ) -> None:
        self._app = app
        self._login_server = login_server
        self._admin = admin
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer with the challenge."""
        if scope["path"].startswith("/oauth2/"):
            await self._app(scope, receive, send)
            return
        needed = required_access(scope["method"], scope["path"])
        fault = self._fault(Request(scope).headers.get("authorization", ""), needed)
        if fault is None:
            await self._app(scope, receive, send)
            return
        await self._challenge(needed, fault)(scope, receive, send)

    def _fault(self, authorization: str, needed: Access | None) -> str | None:
        """Say what is wrong with the authorization: "" when there is none, None when it will do."""
        if not authorization:
            return ""
        if authorization.startswith("Basic "):
            allowed = allowed_by_basic(authorization, self._admin, self._tokens)
            held = None if allowed is None else _everywhere(needed, allowed)
        else:
            held = self._tokens.accesses(authorization.removeprefix("Bearer "))
        if held is None:
            return "invalid_token"
        return None if needed is None or _suffices(held, needed) else "insufficient_scope"

    def _challenge(self, needed: Access | None, fault: str) -> Response:
        parts = [f'realm="https://{self._login_server}/oauth2/token"']
        parts.append(f'service="{self._login_server}"')
        if needed is not None:
            parts.append(f'scope="{needed}"')
        if fault:
            parts.append(f'error="{fault}"')
        detail = needed and [
            {"Type": needed.kind, "Name": needed.name, "Action": action}
            for action in sorted(needed.actions)
        ]
        return _unauthorized(detail, {"WWW-Authenticate": f"Bearer {','.join(parts)}"}).response()


def _everywhere(needed: Access | None, allowed: frozenset[str]) -> tuple[Access, ...]:
    granted = needed and needed.within(allowed)
    return (granted,) if granted else ()


def _unauthorized(detail: object = None, headers: dict[str, str] | None = None) -> Refusal:
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "UNAUTHORIZED",
        "authentication required, visit https://aka.ms/acr/authorization for more information.",
        detail=detail,
        headers=headers,
    )


def allowed_by_basic(
    authorization: str, admin: Credentials, tokens: TokenIssuer
) -> frozenset[str] | None:
    """Say what the holder of a Basic header may do; None when user or password is wrong."""
    try:
        decoded = base64.b64decode(authorization.removeprefix("Basic "), validate=True)
        username, _, password = decoded.decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if username == _REFRESH_TOKEN_USER:
        return tokens.allowed_by_refresh(password)
    is_admin = username == admin.username
    is_right = hmac.compare_digest(password.encode(), admin.password.encode())
    return EVERYTHING if is_admin and is_right else None


class TokenRoutes:
    """`/oauth2/exchange` and `/oauth2/token` (Azure/acr docs/AAD-OAuth.md, Token-BasicAuth.md)."""

    def __init__(
        self, *, login_server: str, rules: Rules, admin: Credentials, tokens: TokenIssuer
    ) -> None:
        self._login_server = login_server
        self._rules = rules
        self._admin = admin
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """List the routes."""
        return [
            Route("/oauth2/exchange", self.exchange, methods=["POST"]),
            Route("/oauth2/token", self.grant, methods=["POST"]),
            Route("/oauth2/token", self.grant_to_basic, methods=["GET"]),
        ]

    async def exchange(self, request: Request) -> Response:
        """Give a refresh token for an Entra token of the right audience."""
        async with request.form() as form:
            grant, service, token = (
                str(form.get(k, "")) for k in ("grant_type", "service", "access_token")
            )
        if grant != "access_token" or service != self._login_server:
            raise Refusal(HTTPStatus.BAD_REQUEST, "INVALID_REQUEST", "bad grant_type or service")
        refresh_token = self._tokens.exchange(token)
        if refresh_token is None:
            raise _unauthorized()
        return _json({"refresh_token": refresh_token})

    async def grant(self, request: Request) -> Response:
        """Give an access token for a refresh token, or for nothing where anonymous may pull."""
        async with request.form() as form:
            grant, service, token = (
                str(form.get(k, "")) for k in ("grant_type", "service", "refresh_token")
            )
            scopes = [str(scope) for scope in form.getlist("scope")]
        if service != self._login_server:
            raise Refusal(HTTPStatus.BAD_REQUEST, "INVALID_REQUEST", "bad service")
        if grant == "password" and self._rules.anonymous_pull:
            return self._answer(scopes, READ)
        allowed = self._tokens.allowed_by_refresh(token) if grant == "refresh_token" else None
        return self._answer(scopes, allowed)

    async def grant_to_basic(self, request: Request) -> Response:
        """Give an access token to a user with a password, as docker and skopeo ask for it."""
        authorization = request.headers.get("authorization", "")
        if not authorization and self._rules.anonymous_pull:
            return self._answer(request.query_params.getlist("scope"), READ)
        allowed = allowed_by_basic(authorization, self._admin, self._tokens)
        return self._answer(request.query_params.getlist("scope"), allowed)

    def _answer(self, scopes: list[str], allowed: frozenset[str] | None) -> Response:
        if allowed is None:
            raise _unauthorized()
        asked = [Access.parse(scope) for field_ in scopes for scope in field_.split()]
        granted = [access.within(allowed) for access in asked if access is not None]
        if asked and not any(granted):
            raise _unauthorized()
        return _json({"access_token": self._tokens.access(a for a in granted if a is not None)})


def _json(content: dict[str, str]) -> JSONResponse:
    return JSONResponse(
        content,
        media_type=JSON_UTF8,
        headers={"X-Ms-Correlation-Request-Id": str(uuid.uuid4())},
    )
