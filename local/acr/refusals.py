"""Errors as the registry answers them: OCI distribution spec 1.1, "Error Codes"."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

JSON_UTF8 = "application/json; charset=utf-8"


class Refusal(Exception):  # noqa: N818  a refused request is an answer, not a fault of the program
    """Raised by a handler to answer with one OCI error."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        detail: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = headers

    def response(self) -> JSONResponse:
        """Build the answer with its `errors` list."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.detail is not None:
            error["detail"] = self.detail
        return JSONResponse(
            {"errors": [error]},
            self.status,
            headers=dict(self.headers or {}),
            media_type=JSON_UTF8,
        )


async def answer_refusal(_: Request, refusal: Exception) -> JSONResponse:
    """Turn a raised refusal into its answer (a Starlette exception handler)."""
    if not isinstance(refusal, Refusal):
        raise refusal
    return refusal.response()


def manifest_unknown(reference: str) -> Refusal:
    """Refuse a manifest that is not there, in the words of the service (Azure/acr issue 597)."""
    named = "Revision" if ":" in reference else "Tag"
    return Refusal(
        HTTPStatus.NOT_FOUND,
        "MANIFEST_UNKNOWN",
        f'manifest tagged by "{reference}" is not found',
        detail={named: reference},
    )


def tag_unknown(tag: str) -> Refusal:
    """Refuse a tag that is not there."""
    return Refusal(
        HTTPStatus.NOT_FOUND, "TAG_UNKNOWN", "the specified tag does not exist", detail={"Tag": tag}
    )


def name_unknown(name: str) -> Refusal:
    """Refuse a repository that is not there."""
    return Refusal(
        HTTPStatus.NOT_FOUND,
        "NAME_UNKNOWN",
        "repository name not known to registry",
        detail={"name": name},
    )


def blob_unknown(digest: str) -> Refusal:
    """Refuse a blob that this repository does not have."""
    return Refusal(
        HTTPStatus.NOT_FOUND,
        "BLOB_UNKNOWN",
        "blob unknown to registry",
        detail={"Digest": digest},
    )


def disallowed() -> Refusal:
    """Refuse what a lock forbids. The message is the service's; its status is not documented."""
    return Refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "DENIED",
        "The operation is disallowed on this registry, repository or image. View troubleshooting "
        "steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation",
    )
