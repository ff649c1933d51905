"""The registry's application: routes behind the gate, under the headers that ACR sends."""

import uuid

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.acr.refusals import Refusal, answer_refusal

_EXPOSED = ("Docker-Content-Digest", "WWW-Authenticate", "Link", "X-Ms-Correlation-Request-Id")


def registry_application(routes: list[Route]) -> Starlette:
    """Build the application that answers refusals in OCI's form."""
    application = Starlette(routes=routes, exception_handlers={Refusal: answer_refusal})
    application.router.redirect_slashes = False
    return application


class ServiceHeaders:
    """An ASGI application with the headers of the service on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Docker-Distribution-Api-Version"] = "registry/2.0"
                headers["Server"] = "openresty"
                headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("X-Ms-Correlation-Request-Id", str(uuid.uuid4()))
                for name in _EXPOSED:
                    headers.append("Access-Control-Expose-Headers", name)
            await send(message)

        await self._app(scope, receive, add)
