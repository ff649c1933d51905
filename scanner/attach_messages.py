"""The queue message that asks for one image's exports to be attached to it. No secrets."""

import json
from typing import Any

from scanner.errors import InvalidMessageError
from scanner.model import Digest, ImageReference
from scanner.strict_json import parse_object

MAX_MESSAGE_BYTES = 4 * 1024
_VERSION = 1
_MEMBERS = {"v", "registry", "repository", "digest"}


def encode(image: ImageReference) -> str:
    """Write a request as a queue message; the tag does not count."""
    members = {
        "v": _VERSION,
        "registry": image.registry,
        "repository": image.repository,
        "digest": str(image.digest),
    }
    return json.dumps(members, separators=(",", ":"))


def decode(untrusted_message: bytes) -> ImageReference:
    """Read a queue message. Raises InvalidMessageError, which names the member at fault."""
    members = parse_object(untrusted_message, max_bytes=MAX_MESSAGE_BYTES)
    if members.get("v") != _VERSION:
        raise InvalidMessageError(f"is not {_VERSION}", field="v")
    if members.keys() != _MEMBERS:
        raise InvalidMessageError("are not those of this message", field="members")
    return ImageReference(
        registry=_text(members, "registry"),
        repository=_text(members, "repository"),
        digest=Digest(_text(members, "digest")),
    )


def _text(members: dict[str, Any], name: str) -> str:
    value = members[name]
    if not isinstance(value, str):
        raise InvalidMessageError("is not a string", field=name)
    return value
