"""Faults on demand: the next answers to chosen requests go wrong in a chosen way."""

import asyncio
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Fault(Protocol):
    """A way to answer a request wrongly."""

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in place of `app`, or pass on to it and spoil what it sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answers with this and never asks the registry."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def throttled(cls, retry_after: int) -> "Answer":
        """429 with a Retry-After in seconds."""
        body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}'
        return cls(status=429, headers={"Retry-After": str(retry_after)}, body=body)

    @classmethod
    def redirect(cls, location: str) -> "Answer":
        """307 to a place of the test's choosing."""
        return cls(status=307, headers={"Location": location})

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer without asking the registry."""
        del app
        await Response(self.body, self.status, self.headers)(scope, receive, send)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """Sends so many bytes of the body and drops the connection."""

    after: int

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and cut the body."""
        left = self.after

        async def cut(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.body":
                body = message.get("body", b"")[:left]
                left -= len(body)
                # The end is never told: the server then closes the connection short of it.
                message = {**message, "body": body, "more_body": True}
                if not body:
                    return
            await send(message)

        await app(scope, receive, cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrupt:
    """Sends a body of the right length with the first byte of each chunk inverted."""

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and spoil the body."""

        async def invert(message: Message) -> None:
            body = message.get("body", b"")
            if body:
                message = {**message, "body": bytes([body[0] ^ 0xFF]) + body[1:]}
            await send(message)

        await app(scope, receive, invert)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Sends so many bytes of the body, then nothing until the client or the server gives up."""

    after: int = 0
    seconds: float = 60.0

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and hold the body back."""
        left = self.after

        async def hold(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.body":
                body = message.get("body", b"")
                if len(body) > left:
                    await send({**message, "body": body[:left], "more_body": True})
                    await self._hold(receive)
                    message = {**message, "body": body[left:]}
                    left = 0
                left -= min(len(body), left)
            await send(message)

        await app(scope, receive, hold)

    async def _hold(self, receive: Receive) -> None:
        try:
            async with asyncio.timeout(self.seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class Headed:
    """Sends the true body under other headers, e.g. a lying Content-Range; None removes one.

    A Content-Length that is too small cuts the body, one that is too large leaves the client
    waiting for bytes that never come before the connection drops.
    """

    headers: Mapping[str, str | None]

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and lie in the headers."""
        length = Headers(_present(self.headers)).get("content-length")
        left = None if length is None else int(length)

        async def lie(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                for name, value in self.headers.items():
                    if value is None:
                        del headers[name]
                    else:
                        headers[name] = value
                message = {**message, "headers": headers.raw}
            elif left is not None:
                body = message.get("body", b"")[:left]
                left -= len(body)
                is_ended = not message.get("more_body")
                message = {**message, "body": body, "more_body": not is_ended or left > 0}
            await send(message)

        await app(scope, receive, lie)


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRange:
    """Answers 200 with the whole blob to a request for a part of it."""

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on without the Range header."""
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await app({**scope, "headers": headers}, receive, send)


def _present(headers: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if value is not None}


class FaultScript:
    """The faults still to come, each for so many requests that match it."""

    def __init__(self) -> None:
        self._planned: list[tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], Fault]] = []
        # Each listener takes faults in a thread of its own.
        self._lock = threading.Lock()

    def plan(self, fault: Fault, *, method: str, path: str, host: str, times: int) -> None:
        """Spoil the next `times` requests whose method, path and host match in full."""
        patterns = (re.compile(method), re.compile(path), re.compile(host))
        with self._lock:
            self._planned += [(*patterns, fault)] * times

    def take(self, method: str, path: str, host: str) -> Fault | None:
        """Use up the first fault planned for a request like this."""
        with self._lock:
            for index, (methods, paths, hosts, fault) in enumerate(self._planned):
                if methods.fullmatch(method) and paths.fullmatch(path) and hosts.fullmatch(host):
                    del self._planned[index]
                    return fault
        return None

    @property
    def left(self) -> int:
        """How many planned faults have not happened yet."""
        return len(self._planned)

    def clear(self) -> None:
        """Plan no fault any more."""
        with self._lock:
            self._planned.clear()


class Faulty:
    """An ASGI application that fails as the script says."""

    def __init__(self, app: ASGIApp, script: FaultScript, host: str) -> None:
        self._app = app
        self._script = script
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, rightly or wrongly."""
        fault = self._script.take(scope["method"], scope["path"], self._host)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await fault.answer(self._app, scope, receive, send)
