"""The queue messages of re-judging: some images, or the next stretch of a sweep. No secrets."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from scanner.errors import InvalidMessageError
from scanner.model import Digest, ImageReference
from scanner.strict_json import parse_object, parse_time

MAX_MESSAGE_BYTES: Final = 48 * 1024
"""As of a job for a push; 50 of the longest names are three quarters of it."""
MAX_IMAGES: Final = 50
"""Of one job: a minute's work, even where each image is matched by a Trivy of its own."""

_VERSION = 1
_JOB = {"v", "images", "since", "may_be_older", "asks_registry"}
_IMAGE = {"registry", "repository", "digest"}
_STEP = {"v", "sweep", "after"}
_SWEEP = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejudgeJob:
    """A request to judge stored images again."""

    images: tuple[ImageReference, ...]
    """At least one, at most `MAX_IMAGES`."""
    since: datetime | None = None
    """How old the advisories may be at most; None takes those that a worker has."""
    may_be_older: bool = False
    """Whether a verdict may give way to one by older advisories."""
    asks_registry: bool = False
    """Whether the images are known to need a pull, and only wait for their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepStep:
    """How far a sweep over all images has come."""

    sweep: str
    after: ImageReference | None
    """The last image that was dealt with."""


def portions(images: Sequence[ImageReference]) -> Iterator[tuple[ImageReference, ...]]:
    """Divide images into what one job may ask for."""
    for begin in range(0, len(images), MAX_IMAGES):
        yield tuple(images[begin : begin + MAX_IMAGES])


def encode_job(job: RejudgeJob) -> str:
    """Write a job as a queue message."""
    return _json(
        {
            "v": _VERSION,
            "images": [_members(image) for image in job.images],
            "since": job.since.isoformat() if job.since else None,
            "may_be_older": job.may_be_older,
            "asks_registry": job.asks_registry,
        }
    )


def decode_job(untrusted_message: bytes) -> RejudgeJob:
    """Read a queue message. Raises InvalidMessageError, which names the member at fault."""
    members = _parse(untrusted_message, _JOB)
    since = members["since"]
    return RejudgeJob(
        images=tuple(map(_image, _list(members["images"]))),
        since=None if since is None else parse_time(_text(since, "since"), field="since"),
        may_be_older=_flag(members["may_be_older"], "may_be_older"),
        asks_registry=_flag(members["asks_registry"], "asks_registry"),
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
    return SweepStep(sweep=sweep, after=None if after is None else _image(after))


def _members(image: ImageReference) -> dict[str, str]:
    return {
        "registry": image.registry,
        "repository": image.repository,
        "digest": str(image.digest),
    }


def _list(untrusted: object) -> Sequence[object]:
    if not isinstance(untrusted, list) or not 0 < len(untrusted) <= MAX_IMAGES:
        raise InvalidMessageError(f"are not 1 to {MAX_IMAGES}", field="images")
    return untrusted


def _image(untrusted: object) -> ImageReference:
    if not isinstance(untrusted, dict) or untrusted.keys() != _IMAGE:
        raise InvalidMessageError("is no image", field="images")
    return ImageReference(
        registry=_text(untrusted["registry"], "registry"),
        repository=_text(untrusted["repository"], "repository"),
        digest=Digest(_text(untrusted["digest"], "digest")),
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


def _flag(untrusted: object, name: str) -> bool:
    if not isinstance(untrusted, bool):
        raise InvalidMessageError("is not a boolean", field=name)
    return untrusted


def _json(members: dict[str, object]) -> str:
    return json.dumps(members, separators=(",", ":"))
