"""The queue message of a notice: what to tell of, never what was found."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scanner.errors import InvalidMessageError
from scanner.model import Digest, ImageReference, NotApplicableReason, Report, Status
from scanner.notify.route import route_name
from scanner.strict_json import parse_object

MAX_MESSAGE_BYTES = 4 * 1024

_VERSION = 1
_MEMBERS = {"v", "id", "registry", "repository", "digest", "report_id"}
_ID = re.compile(r"[0-9a-f]{64}")
_REPORT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to be told once. What exactly is said is composed when it is sent."""

    id: str
    image: ImageReference
    report_id: str


def notice_on(report: Report) -> Notice | None:
    """Return the notice that a report calls for, or None: healthy images are not spoken of.

    The id follows from audience, image and verdict, so the same verdict on the same digest has
    the same id whatever tag, event or re-scan it came from.
    """
    route = route_name(report.verdict.status)
    return None if route is None else _notice(report, route, str(report.verdict))


def resolved_by(report: Report) -> Notice | None:
    """Return the notice that a report takes back if it was sent: what is gone is not unhealthy.

    None for every other report.
    """
    if report.verdict.reason is not NotApplicableReason.DELETED:
        return None
    return _notice(report, "images", str(Status.UNHEALTHY))


def resolution_of(told: Notice, number: int) -> Notice:
    """Return the notice that takes another back, for the `number`-th time from 0."""
    return replace(told, id=_hashed([told.id, "resolved", number]))


def sent_id(notice: Notice, resolved_count: int) -> str:
    """Return the id that people see: another one after each time it was resolved.

    Receivers drop repeats of an id, and what is unhealthy once more is no repeat.
    """
    return _hashed([notice.id, resolved_count]) if resolved_count else notice.id


def _notice(report: Report, route: str, verdict: str) -> Notice:
    image = report.image
    inputs = [route, image.registry, image.repository, str(image.digest), verdict]
    return Notice(id=_hashed(inputs), image=image, report_id=report.id)


def _hashed(inputs: Sequence[str | int]) -> str:
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def encode(notice: Notice) -> str:
    """Write a notice as a queue message."""
    return json.dumps(
        {
            "v": _VERSION,
            "id": notice.id,
            "registry": notice.image.registry,
            "repository": notice.image.repository,
            "digest": str(notice.image.digest),
            "report_id": notice.report_id,
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
    for name in sorted(_MEMBERS - {"v"}):
        if not isinstance(members[name], str):
            raise InvalidMessageError("is not a string", field=name)
    for name, pattern in (("id", _ID), ("report_id", _REPORT_ID)):
        if not pattern.fullmatch(members[name]):
            raise InvalidMessageError("is not valid", field=name)
    return Notice(
        id=members["id"],
        image=ImageReference(
            registry=members["registry"],
            repository=members["repository"],
            digest=Digest(members["digest"]),
        ),
        report_id=members["report_id"],
    )
