"""ARM over TLS on localhost: registries and their parts, by GET, page by page."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.acr.faults import Fault, FaultScript, Faulty
from local.acr.journal import Journaled, RequestJournal
from local.acr.listener import Listener
from local.arm.permissions import action_of
from local.certificates import Certificates

Bundle = Mapping[str, Any]

_REGISTRY_TYPE: Final = "/providers/microsoft.containerregistry/registries"
_PARTS: Final = {
    "/replications": "replications",
    "/webhooks": "webhooks",
    "/tokens": "tokens",
    "/cacherules": "cacheRules",
    "/providers/microsoft.insights/diagnosticsettings": "diagnosticSettings",
    "/providers/microsoft.authorization/roleassignments": "roleAssignments",
    "/providers/microsoft.policyinsights/policystates/latest/queryresults": "policyStates",
}
_APPS_TYPE: Final = "/providers/microsoft.app/containerapps"
_POSTED: Final = {"policyStates"}
_NEXT_LINK: Final = {"policyStates": "@odata.nextLink"}


class ArmStandIn:
    """Azure Resource Manager on this machine.

    It shows the registries of bundles (scanner/posture/documents.py). A part that holds an error
    is refused with 403 and that error, one that is absent with 404. Faults are those of the
    registry's stand-in.

    Args:
        bundles: One for each registry.
        certificates: The authority that clients must trust, and the server's certificate.
        page_size: How many entries a page has.
        actions: What the caller's role allows, as a role definition lists it; None allows all.
    """

    def __init__(
        self,
        bundles: Sequence[Bundle],
        certificates: Certificates,
        *,
        page_size: int = 100,
        actions: Iterable[str] | None = None,
    ) -> None:
        self._actions = None if actions is None else {action.lower() for action in actions}
        self._bundles = {str(bundle["registry"]["id"]).lower(): bundle for bundle in bundles}
        self._page_size = page_size
        self._listener = Listener(0, certificates)
        self.url = f"https://{self._listener.host}"
        self.token = secrets.token_urlsafe(24)
        """The one bearer token that opens it."""
        self.requests = RequestJournal()
        self.faults = FaultScript()

    def __enter__(self) -> Self:
        routes = [Route("/{path:path}", self._answer, methods=["GET", "POST"])]
        application = Starlette(routes=routes)
        host = self._listener.host
        self._listener.start(Journaled(Faulty(application, self.faults, host), self.requests, host))
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._listener.stop()

    def fail_next(self, fault: Fault, *, path: str = ".*", times: int = 1) -> None:
        """Let the next requests whose whole path matches go wrong."""
        self.faults.plan(fault, method=".*", path=path, host=".*", times=times)

    async def _answer(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _refuse(401, "InvalidAuthenticationToken")
        if not request.query_params.get("api-version"):
            return _refuse(400, "MissingApiVersionParameter")
        needed = action_of(request.method, request.url.path)
        if self._actions is not None and needed not in self._actions:
            return _refuse(403, "AuthorizationFailed")
        return self._find(request)

    def _find(self, request: Request) -> JSONResponse:
        path = request.url.path.lower().rstrip("/")
        if path == "/subscriptions":
            return self._page(request, self._subscriptions())
        if path.endswith(_REGISTRY_TYPE):
            prefix = f"{path.removesuffix(_REGISTRY_TYPE)}/"
            mine = [b["registry"] for id_, b in self._bundles.items() if id_.startswith(prefix)]
            return self._page(request, mine)
        if path.endswith(_APPS_TYPE):
            return self._page(request, self._apps(path.removesuffix(_APPS_TYPE)))
        for identifier, bundle in self._bundles.items():
            if path == identifier:
                return JSONResponse(bundle["registry"])
            if path.startswith(f"{identifier}/"):
                return self._part(request, bundle, path.removeprefix(identifier))
        return _refuse(404, "ResourceNotFound")

    def _subscriptions(self) -> list[Any]:
        ids = sorted({identifier.split("/")[2] for identifier in self._bundles})
        return [{"id": f"/subscriptions/{one}", "subscriptionId": one} for one in ids]

    def _apps(self, subscription: str) -> list[Any]:
        """List the apps that bundles name, and in each subscription one that pulls elsewhere."""
        mine = [b for id_, b in self._bundles.items() if id_.startswith(f"{subscription}/")]
        named = [
            _app(str(app["name"]), bundle["registry"]["properties"]["loginServer"])
            for bundle in mine
            for app in bundle.get("containerApps", {}).get("value", [])
        ]
        return [_app("ca-elsewhere", "ghcr.io"), *named]

    def _part(self, request: Request, bundle: Bundle, path: str) -> JSONResponse:
        if path.endswith("/getcallbackconfig") and request.method == "POST":
            return self._callback(bundle, path.split("/")[2])
        name = _PARTS.get(path, "")
        if name not in bundle or (request.method == "POST") != (name in _POSTED):
            return _refuse(404, "ResourceNotFound")
        answer = bundle[name]
        if "error" in answer:
            return JSONResponse(answer, 403)
        entries = answer["value"]
        if name == "webhooks":
            entries = [_without_uri(entry) for entry in entries]
        return self._page(request, entries, _NEXT_LINK.get(name, "nextLink"))

    def _callback(self, bundle: Bundle, name: str) -> JSONResponse:
        for webhook in bundle["webhooks"]["value"]:
            if webhook["name"] == name and "serviceUri" in webhook["properties"]:
                headers = {"Authorization": "Bearer a-secret-of-the-webhook"}
                uri = webhook["properties"]["serviceUri"]
                return JSONResponse({"serviceUri": uri, "customHeaders": headers})
        return _refuse(403, "AuthorizationFailed")

    def _page(
        self, request: Request, entries: list[Any], link_name: str = "nextLink"
    ) -> JSONResponse:
        start = int(request.query_params.get("$skiptoken", "0"))
        end = start + self._page_size
        answer: dict[str, Any] = {"value": entries[start:end]}
        if end < len(entries):
            query = {**dict(request.query_params), "$skiptoken": str(end)}
            answer[link_name] = f"{self.url}{request.url.path}?{urlencode(query)}"
        return JSONResponse(answer)


def _app(name: str, server: str) -> dict[str, Any]:
    registries = [{"server": server, "identity": "/an/identity"}]
    secrets_ = [{"name": "a-password"}]
    environment = [{"name": "PASSWORD", "value": "a-secret-of-the-app"}]
    return {
        "name": name,
        "properties": {
            "configuration": {"registries": registries, "secrets": secrets_},
            "template": {"containers": [{"env": environment}]},
        },
    }


def _without_uri(webhook: Mapping[str, Any]) -> dict[str, Any]:
    properties = {name: it for name, it in webhook["properties"].items() if name != "serviceUri"}
    return {**webhook, "properties": properties}


def _refuse(status: int, code: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": "Refused by the stand-in."}}, status)
