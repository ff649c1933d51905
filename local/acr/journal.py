"""What was asked of the stand-in: one line per request, kept for tests to read and count."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request and the status it was answered with."""

    method: str
    host: str
    """`localhost:PORT` of the listener that was asked."""
    path: str
    """Percent-decoded, without the query."""
    query: str
    had_authorization: bool
    range: str
    """The Range header, or an empty string."""
    status: int


class RequestJournal:
    """All requests so far, oldest first. Each is noted before its answer leaves."""

    def __init__(self) -> None:
        self._requests: list[RecordedRequest] = []

    def __iter__(self) -> Iterator[RecordedRequest]:
        return iter(tuple(self._requests))

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: RecordedRequest) -> None:
        """Note one request."""
        self._requests.append(request)

    def clear(self) -> None:
        """Forget all, so that a test counts only what follows."""
        self._requests.clear()

    def matching(
        self, method: str = ".*", path: str = ".*", host: str = ".*"
    ) -> tuple[RecordedRequest, ...]:
        """Select requests whose method, path and host match these regular expressions in full."""
        return tuple(
            request
            for request in self
            if re.fullmatch(method, request.method)
            and re.fullmatch(path, request.path)
            and re.fullmatch(host, request.host)
        )


class Journaled:
    """An ASGI application that notes each request of the one it wraps."""

    def __init__(self, app: ASGIApp, journal: RequestJournal, host: str) -> None:
        self._app = app
        self._journal = journal
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note it when its answer starts."""

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._journal.add(self._record(scope, message["status"]))
            await send(message)

        await self._app(scope, receive, noting)

    def _record(self, scope: Scope, status: int) -> RecordedRequest:
        headers = Headers(scope=scope)
        return RecordedRequest(
            method=scope["method"],
            host=self._host,
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            had_authorization="authorization" in headers,
            range=headers.get("range", ""),
            status=status,
        )
