"""Between what arrives and what a function takes: azure.functions' own converters do the work."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import azure.functions as func
import msgspec
from azure.functions.meta import Datum

from local.functions_host.errors import UnsupportedError
from local.functions_host.index import (
    HttpTrigger,
    IndexedFunction,
    QueueTrigger,
    TimerTrigger,
)

_CONVERTERS: Final = func.get_binding_registry()
_KINDS: Final[dict[type, str]] = {
    HttpTrigger: "httpTrigger",
    QueueTrigger: "queueTrigger",
    TimerTrigger: "timerTrigger",
}


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What sets a trigger off: its data, and what the host knows about them."""

    data: Datum
    metadata: Mapping[str, Datum] = {}


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer in plain values; header names may repeat (Set-Cookie)."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


Execute = Callable[[IndexedFunction, Arrival], Awaitable[object]]
"""Runs a function to its end; returns what it returned, or raises `InvocationError`."""


class Out(func.Out[Any]):
    """What an output parameter is set to; none until then."""

    def __init__(self) -> None:
        self._value: object = None

    def set(self, val: object) -> None:
        """Set what is to be written once the function has succeeded."""
        self._value = val

    def get(self) -> object:
        """Return what was set."""
        return self._value


def trigger_argument(function: IndexedFunction, arrival: Arrival) -> object:
    """Turn an arrival into what the trigger's parameter is annotated with."""
    if function.annotations.get(function.trigger.parameter) in (str, bytes):
        return arrival.data.value
    kind = _KINDS[type(function.trigger)]
    return _CONVERTERS.get(kind).decode(arrival.data, trigger_metadata=arrival.metadata)


def http_response(returned: object) -> Response:
    """Turn what an HTTP function returned into an answer.

    Raises:
        NotImplementedError: It returned neither text nor an HttpResponse (azure.functions' word).
    """
    datum = _CONVERTERS.get("http").encode(returned, expected_type=None)
    if datum.type == "string":
        return Response(
            status=200,
            headers=[("content-type", "text/plain; charset=utf-8")],
            body=datum.value.encode(),
        )
    headers = [(name, value.value) for name, value in datum.value["headers"].items()]
    headers += [
        ("set-cookie", morsel.OutputString())
        for cookie in datum.value["cookies"] or ()
        for morsel in cookie.values()
    ]
    return Response(
        status=int(datum.value["status_code"].value),
        headers=headers,
        body=datum.value["body"].value,
    )


def queue_texts(value: object) -> list[str]:
    """Turn what was set on a queue output into message texts, before any encoding.

    Raises:
        UnsupportedError: It is neither text, bytes nor a list of text.
    """
    match value:
        case str():
            return [value]
        case bytes():
            return [value.decode()]
        case list() if all(isinstance(item, str) for item in value):
            return list(value)
    raise UnsupportedError(f"this host writes no {type(value).__name__} to a queue")
