"""HTTP triggers, as an ASGI application: keys, body, request in, response out."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from azure.functions.meta import Datum

from local.functions_host.bindings import Arrival, Execute, Response, http_response
from local.functions_host.errors import InvocationError
from local.functions_host.routes import Route, find_route
from local.functions_host.settings import setting
from local.functions_host.timers import Timer

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# The host's own limit, which this setting changes: azure-functions-host, MaxRequestBodySize.
_ADMIN_PATH: Final = "/admin/functions/"
LARGEST_BODY_BYTES: Final = 104_857_600
BODY_LIMIT_SETTING: Final = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of this host: any key opens `function`, only the master key opens `admin`."""

    function: str
    master: str

    def admit(self, level: str, untrusted_key: str) -> bool:
        """Tell whether a key is good enough for an authorization level."""
        if level == "anonymous":
            return True
        accepted = [self.master] if level == "admin" else [self.function, self.master]
        return any(
            key and hmac.compare_digest(key.encode(), untrusted_key.encode()) for key in accepted
        )


class WebApp:
    """The ASGI application that answers for every HTTP function.

    A function's exception is a 500 with an empty body: what went wrong stands in the log alone.
    """

    def __init__(
        self, routes: list[Route], keys: Keys, execute: Execute, timers: Iterable[Timer] = ()
    ) -> None:
        """Answer on `routes` with what `execute` makes of each request; set off `timers`."""
        self._timers = {timer.name.casefold(): timer for timer in timers}
        self._routes = routes
        self._keys = keys
        self._execute = execute
        self._largest_body = int(setting(BODY_LIMIT_SETTING) or LARGEST_BODY_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_admin = scope["path"].startswith(_ADMIN_PATH)
        response = self._administer(scope) if is_admin else await self._answer(scope, receive)
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [
                    (name.lower().encode("latin-1"), value.encode("latin-1"))
                    for name, value in _with_length(response)
                ],
            }
        )
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        found = find_route(self._routes, scope["method"], scope["path"])
        if found is None:
            return _empty(404)
        route, route_params = found
        headers = _joined((n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"])
        query = _joined(
            parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True), fold=False
        )
        key = headers.get("x-functions-key") or query.get("code", "")
        if not self._keys.admit(route.trigger.auth_level, key):
            return _empty(401)
        body = await self._body(headers, receive)
        if body is None:
            return _empty(413)
        arrival = _arrival(scope, headers, query, route_params, body)
        try:
            returned = await self._execute(route.function, arrival)
        except InvocationError:
            return _empty(500)
        try:
            return http_response(returned)
        except NotImplementedError:
            logger.exception("response.refused function=%s", route.function.name)
            return _empty(500)

    def _administer(self, scope: Scope) -> Response:
        """Run a timer function by hand ("Manually run a non HTTP-triggered function")."""
        headers = _joined((n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"])
        if not self._keys.admit("admin", headers.get("x-functions-key", "")):
            return _empty(401)
        timer = self._timers.get(scope["path"].removeprefix(_ADMIN_PATH).casefold())
        if timer is None or scope["method"] != "POST":
            return _empty(404)
        timer.run_now()
        return _empty(202)

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes | None:
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > self._largest_body:
            return None
        parts: list[bytes] = []
        size = 0
        while True:
            event = await receive()
            # A client that hangs up half-way has sent no request; nobody reads the answer.
            if event["type"] == "http.disconnect":
                return None
            parts.append(event.get("body", b""))
            size += len(parts[-1])
            if size > self._largest_body:
                return None
            if not event.get("more_body", False):
                return b"".join(parts)


def _arrival(
    scope: Scope,
    headers: dict[str, str],
    query: dict[str, str],
    route_params: dict[str, str],
    body: bytes,
) -> Arrival:
    path = scope["raw_path"].decode("latin-1")
    search = scope["query_string"].decode("latin-1")
    url = f"{scope['scheme']}://{headers.get('host', '')}{path}{'?' if search else ''}{search}"
    return Arrival(
        data=Datum(
            {
                "method": Datum(scope["method"], "string"),
                "url": Datum(url, "string"),
                "headers": _data(headers),
                "query": _data(query),
                "params": _data(route_params),
                "body": Datum(body, "bytes"),
            },
            "http",
        )
    )


def _data(texts: dict[str, str]) -> dict[str, Datum]:
    return {name: Datum(text, "string") for name, text in texts.items()}


def _joined(pairs: Iterable[tuple[str, str]], *, fold: bool = True) -> dict[str, str]:
    """Join repeated names with a comma, as the host's StringValues.ToString() does."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower() if fold else name
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def _empty(status: int) -> Response:
    return Response(status=status, headers=[], body=b"")


def _with_length(response: Response) -> list[tuple[str, str]]:
    kept = [pair for pair in response.headers if pair[0].lower() != "content-length"]
    return [*kept, ("content-length", str(len(response.body)))]
