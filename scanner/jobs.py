"""Event -> job, and job <-> queue message: versioned JSON without secrets, far below 48 KiB.

Version 1 is the scan of a push. Version 2 names its kind. Pushes are still written as version 1, so
that a worker of the version before can read them while an update rolls out.
"""

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from scanner.errors import InvalidMessageError
from scanner.events import DeleteEvent, PushEvent
from scanner.model import Deletion, Digest, ImageReference, Job, RetireJob, ScanJob
from scanner.strict_json import parse_object, parse_time

MAX_MESSAGE_BYTES = 48 * 1024
"""What still fits into a storage queue message (64 KiB) when a host encodes it as base64."""

_PUSH, _KINDS = 1, 2
_MEMBERS = {"v", "id", "registry", "repository", "digest", "tag", "requested_at"}
_SCAN, _RETIRE = "scan", "retire"


def job_id(image: ImageReference) -> str:
    """Return the id that every job on this manifest has, whatever tag or event it came with."""
    return _hashed(str(image))


def retire_job(deletion: Deletion, *, requested_at: datetime) -> RetireJob:
    """Return the job that looks after a deletion; the same deletion has the same id."""
    return RetireJob(
        id=_hashed(f"{_RETIRE} {deletion}"), deletion=deletion, requested_at=requested_at
    )


def job_for(event: PushEvent | DeleteEvent, *, now: datetime) -> Job:
    """Turn an event into a job. A clock that runs ahead of ours is set back to `now`."""
    if isinstance(event, DeleteEvent):
        return retire_job(event.deletion, requested_at=min(event.deleted_at, now))
    return ScanJob(
        id=job_id(event.image), image=event.image, requested_at=min(event.pushed_at, now)
    )


def encode(job: Job) -> str:
    """Write a job as a queue message."""
    if isinstance(job, RetireJob):
        return _written({"v": _KINDS, "kind": _RETIRE}, job, job.deletion)
    if job.not_before is None:
        return _written({"v": _PUSH}, job, job.image)
    not_before = job.not_before.isoformat()
    return _written({"v": _KINDS, "kind": _SCAN, "not_before": not_before}, job, job.image)


def decode(untrusted_message: bytes) -> Job:
    """Read a queue message. Raises InvalidMessageError, which names the member at fault."""
    members = parse_object(untrusted_message, max_bytes=MAX_MESSAGE_BYTES)
    match _version(members), members.get("kind"):
        case 1, _:
            _require_texts(members, _MEMBERS, optional={"tag"})
            return _scan_job(members)
        case 2, "scan":
            _require_texts(members, _MEMBERS | {"kind", "not_before"}, optional={"tag"})
            not_before = parse_time(members["not_before"], field="not_before")
            return replace(_scan_job(members), not_before=not_before)
        case 2, "retire":
            _require_texts(members, _MEMBERS | {"kind"}, optional={"tag", "digest"})
            return _retire_job(members)
        case _:
            raise InvalidMessageError(f"is not {_SCAN} or {_RETIRE}", field="kind")


def _version(members: dict[str, Any]) -> int:
    version = members.get("v")
    if type(version) is not int or version not in {_PUSH, _KINDS}:
        raise InvalidMessageError(f"is not {_PUSH} or {_KINDS}", field="v")
    return version


def _written(head: dict[str, Any], job: Job, named: ImageReference | Deletion) -> str:
    body = {
        "id": job.id,
        "registry": named.registry,
        "repository": named.repository,
        "digest": str(named.digest) if named.digest else None,
        "tag": named.tag,
        "requested_at": job.requested_at.isoformat(),
    }
    return json.dumps(head | body, separators=(",", ":"))


def _require_texts(members: dict[str, Any], names: set[str], *, optional: set[str]) -> None:
    if members.keys() != names:
        raise InvalidMessageError("are not those of a job", field="members")
    for name in sorted(names - {"v"}):
        allowed = str | None if name in optional else str
        if not isinstance(members[name], allowed):
            raise InvalidMessageError("is not a string", field=name)


def _scan_job(members: dict[str, Any]) -> ScanJob:
    image = ImageReference(
        registry=members["registry"],
        repository=members["repository"],
        digest=Digest(members["digest"]),
        tag=members["tag"],
    )
    if members["id"] != job_id(image):
        raise InvalidMessageError("does not belong to the image", field="id")
    requested_at = parse_time(members["requested_at"], field="requested_at")
    return ScanJob(id=members["id"], image=image, requested_at=requested_at)


def _retire_job(members: dict[str, Any]) -> RetireJob:
    deletion = Deletion(
        registry=members["registry"],
        repository=members["repository"],
        digest=Digest(members["digest"]) if members["digest"] is not None else None,
        tag=members["tag"],
    )
    requested_at = parse_time(members["requested_at"], field="requested_at")
    job = retire_job(deletion, requested_at=requested_at)
    if members["id"] != job.id:
        raise InvalidMessageError("does not belong to the deletion", field="id")
    return job


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
