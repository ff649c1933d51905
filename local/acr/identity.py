"""The managed-identity endpoint of App Service and Functions (REST protocol 2019-08-01).

Shape: learn.microsoft.com, "Use managed identities for App Service and Azure Functions".
"""

import hmac
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.acr.tokens import IDENTITY_CLIENT_ID, TokenIssuer

TOKEN_PATH = "/msi/token"  # noqa: S105  a path
_API_VERSION = "2019-08-01"


def identity_application(tokens: TokenIssuer, header_secret: str) -> Starlette:
    """Build the application that hands Entra tokens to whoever knows the header's secret."""

    async def token(request: Request) -> Response:
        presented = request.headers.get("x-identity-header", "")
        if not hmac.compare_digest(presented.encode(), header_secret.encode()):
            return _fault(HTTPStatus.UNAUTHORIZED, "the X-IDENTITY-HEADER is absent or wrong")
        resource = request.query_params.get("resource", "")
        if not resource or request.query_params.get("api-version") != _API_VERSION:
            return _fault(HTTPStatus.BAD_REQUEST, "resource or api-version is absent or wrong")
        access_token, expires_on = tokens.aad(resource)
        return JSONResponse(
            {
                "access_token": access_token,
                "client_id": IDENTITY_CLIENT_ID,
                "expires_on": str(expires_on),
                "resource": resource,
                "token_type": "Bearer",
            }
        )

    return Starlette(routes=[Route(TOKEN_PATH, token, methods=["GET"])])


def _fault(status: HTTPStatus, message: str) -> Response:
    return JSONResponse({"statusCode": int(status), "message": message}, status)
