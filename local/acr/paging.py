"""Pages of a list, with the Link header as the service has been recorded writing it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.acr.refusals import JSON_UTF8, Refusal

_PAGE_SIZE = 100
_MAX_PAGE_SIZE = 1000
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some of the entries, and where the rest is."""

    items: list[T]
    next_link: str | None

    def response(self, content: dict[str, Any]) -> Response:
        """Answer with this page."""
        headers = {"Link": f'<{self.next_link}>; rel="next"'} if self.next_link else {}
        return JSONResponse(content, headers=headers, media_type=JSON_UTF8)


def page_of(entries: Sequence[T], request: Request, *, name: Callable[[T], str]) -> Page[T]:
    """Cut out the page that `n` and `last` ask for.

    Args:
        entries: All of them, in the order they are listed.
        request: Its `n` is the size of the page, its `last` the name that the page comes after.
        name: How an entry is called in `last`.
    """
    n, last = request.query_params.get("n"), request.query_params.get("last")
    if n is not None and not (n.isdecimal() and int(n)):
        raise Refusal(HTTPStatus.BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "n is not valid")
    size = min(int(n or _PAGE_SIZE), _MAX_PAGE_SIZE)
    names = [name(entry) for entry in entries]
    start = _start(names, last) if last else 0
    items = list(entries[start : start + size])
    if start + size >= len(entries):
        return Page(items=items, next_link=None)
    return Page(items=items, next_link=_link(request, name(items[-1]), size))


def _start(names: list[str], last: str) -> int:
    if last in names:
        return names.index(last) + 1
    # The entry was deleted between two pages; the lists are in order of names then.
    return sum(name <= last for name in names)


def _link(request: Request, last: str, size: int) -> str:
    """Name the next page: the path as it was quoted, no api-version, an orderby even if empty."""
    path = request.scope["raw_path"].decode("ascii")
    query = {"last": last, "n": str(size)}
    if path.startswith("/acr/"):
        query["orderby"] = request.query_params.get("orderby", "")
        if digest := request.query_params.get("digest"):
            query["digest"] = digest
    return f"{path}?{urlencode(sorted(query.items()), quote_via=quote)}"
