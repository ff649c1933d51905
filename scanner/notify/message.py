"""The queue message of a notice: which transition to tell by which route, never what was found."""

import hashlib
import json
import re
from dataclasses import dataclass

from scanner.errors import InvalidMessageError
from scanner.model import Stream
from scanner.strict_json import parse_object

MAX_MESSAGE_BYTES = 4 * 1024

_VERSION = 2
_TEXTS = {"registry", "repository", "name", "route"}
_MEMBERS = {"v", "number", *_TEXTS}
_ROUTE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MOST_TRANSITIONS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One transition, to be told once by one route. What is said is composed when it is sent."""

    stream: Stream
    number: int
    route: str

    @property
    def id(self) -> str:
        """64 hex digits, the same at each attempt: receivers drop repeats by it."""
        inputs = [str(self.stream), self.number, self.route]
        return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def encode(notice: Notice) -> str:
    """Write a notice as a queue message."""
    return json.dumps(
        {
            "v": _VERSION,
            "registry": notice.stream.registry,
            "repository": notice.stream.repository,
            "name": notice.stream.name,
            "number": notice.number,
            "route": notice.route,
        },
        separators=(",", ":"),
    )


def decode(untrusted_message: bytes) -> Notice:
    """Read a queue message. Raises InvalidMessageError, which names the member at fault."""
    members = parse_object(untrusted_message, max_bytes=MAX_MESSAGE_BYTES)
    if members.get("v") != _VERSION or isinstance(members["v"], bool):
        raise InvalidMessageError(f"is not {_VERSION}", field="v")
    if members.keys() != _MEMBERS:
        raise InvalidMessageError("are not those of a notice", field="members")
    for name in sorted(_TEXTS):
        if not isinstance(members[name], str):
            raise InvalidMessageError("is not a string", field=name)
    number = members["number"]
    if type(number) is not int or not 0 < number < _MOST_TRANSITIONS:
        raise InvalidMessageError("is not a number from 1", field="number")
    if not _ROUTE.fullmatch(members["route"]):
        raise InvalidMessageError("is not valid", field="route")
    return Notice(
        stream=Stream(
            registry=members["registry"], repository=members["repository"], name=members["name"]
        ),
        number=number,
        route=members["route"],
    )
