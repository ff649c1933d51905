"""Event -> job, and job <-> queue message: versioned JSON without secrets, far below 48 KiB."""

import hashlib
import json
from datetime import datetime

from scanner.errors import InvalidMessageError
from scanner.events import PushEvent
from scanner.model import Digest, ImageReference, ScanJob
from scanner.strict_json import parse_object, parse_time

MAX_MESSAGE_BYTES = 48 * 1024
"""What still fits into a storage queue message (64 KiB) when a host encodes it as base64."""

_VERSION = 1
_MEMBERS = {"v", "id", "registry", "repository", "digest", "tag", "requested_at"}


def job_id(image: ImageReference) -> str:
    """Return the id that every job on this manifest has, whatever tag or event it came with."""
    return hashlib.sha256(str(image).encode()).hexdigest()[:32]


def job_for(event: PushEvent, *, now: datetime) -> ScanJob:
    """Turn a push into a job. A clock that runs ahead of ours is set back to `now`."""
    return ScanJob(
        id=job_id(event.image), image=event.image, requested_at=min(event.pushed_at, now)
    )


def encode(job: ScanJob) -> str:
    """Write a job as a queue message."""
    return json.dumps(
        {
            "v": _VERSION,
            "id": job.id,
            "registry": job.image.registry,
            "repository": job.image.repository,
            "digest": str(job.image.digest),
            "tag": job.image.tag,
            "requested_at": job.requested_at.isoformat(),
        },
        separators=(",", ":"),
    )


def decode(untrusted_message: bytes) -> ScanJob:
    """Read a queue message. Raises InvalidMessageError, which names the member at fault."""
    members = parse_object(untrusted_message, max_bytes=MAX_MESSAGE_BYTES)
    if members.get("v") != _VERSION:
        raise InvalidMessageError(f"is not {_VERSION}", field="v")
    if members.keys() != _MEMBERS:
        raise InvalidMessageError("are not those of a scan job", field="members")
    tag = members.pop("tag")
    if not isinstance(tag, str | None):
        raise InvalidMessageError("is not a string", field="tag")
    for name in _MEMBERS - {"v", "tag"}:
        if not isinstance(members[name], str):
            raise InvalidMessageError("is not a string", field=name)
    image = ImageReference(
        registry=members["registry"],
        repository=members["repository"],
        digest=Digest(members["digest"]),
        tag=tag,
    )
    if members["id"] != job_id(image):
        raise InvalidMessageError("does not belong to the image", field="id")
    requested_at = parse_time(members["requested_at"], field="requested_at")
    return ScanJob(id=members["id"], image=image, requested_at=requested_at)
