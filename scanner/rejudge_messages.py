"""The queue messages of re-judging: one image, or the next stretch of a sweep. No secrets."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scanner.errors import InvalidMessageError
from scanner.model import Digest, ImageReference
from scanner.strict_json import parse_object, parse_time

MAX_MESSAGE_BYTES = 4 * 1024

_VERSION = 1
_JOB = {"v", "registry", "repository", "digest", "since"}
_STEP = {"v", "sweep", "after"}
_SWEEP = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejudgeJob:
    """A request to judge a stored image again."""

    image: ImageReference
    since: datetime | None
    """How old the advisories may be at most; None takes those that a worker has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepStep:
    """How far a sweep over all images has come."""

    sweep: str
    after: ImageReference | None
    """The last image that was dealt with."""


def encode_job(job: RejudgeJob) -> str:
    """Write a job as a queue message."""
    since = job.since.isoformat() if job.since else None
    return _json({"v": _VERSION, **_members(job.image), "since": since})


def decode_job(untrusted_message: bytes) -> RejudgeJob:
    """Read a queue message. Raises InvalidMessageError, which names the member at fault."""
    members = _parse(untrusted_message, _JOB)
    since = members.pop("since")
    return RejudgeJob(
        image=_image(members),
        since=None if since is None else parse_time(_text(since, "since"), field="since"),
    )


def encode_step(step: SweepStep) -> str:
    """Write a step as a queue message."""
    after = _members(step.after) if step.after else None
    return _json({"v": _VERSION, "sweep": step.sweep, "after": after})


def decode_step(untrusted_message: bytes) -> SweepStep:
    """Read a queue message. Raises InvalidMessageError, which names the member at fault."""
    members = _parse(untrusted_message, _STEP)
    sweep, after = _text(members["sweep"], "sweep"), members["after"]
    if not _SWEEP.fullmatch(sweep):
        raise InvalidMessageError("is not 32 hex digits", field="sweep")
    if after is not None and not isinstance(after, dict):
        raise InvalidMessageError("is not an object", field="after")
    return SweepStep(sweep=sweep, after=None if after is None else _image(after))


def _members(image: ImageReference) -> dict[str, str]:
    return {
        "registry": image.registry,
        "repository": image.repository,
        "digest": str(image.digest),
    }


def _image(untrusted: dict[str, Any]) -> ImageReference:
    return ImageReference(
        registry=_text(untrusted.get("registry"), "registry"),
        repository=_text(untrusted.get("repository"), "repository"),
        digest=Digest(_text(untrusted.get("digest"), "digest")),
    )


def _parse(untrusted_message: bytes, wanted: set[str]) -> dict[str, Any]:
    members = parse_object(untrusted_message, max_bytes=MAX_MESSAGE_BYTES)
    if members.get("v") != _VERSION:
        raise InvalidMessageError(f"is not {_VERSION}", field="v")
    if members.keys() != wanted:
        raise InvalidMessageError("are not those of this message", field="members")
    return members


def _text(untrusted: object, name: str) -> str:
    if not isinstance(untrusted, str):
        raise InvalidMessageError("is not a string", field=name)
    return untrusted


def _json(members: dict[str, object]) -> str:
    return json.dumps(members, separators=(",", ":"))
