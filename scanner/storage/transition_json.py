"""Transition <-> JSON text, as rows of several tables keep it."""

import json
from typing import Any

from scanner.errors import InvalidMessageError, StoreError
from scanner.model import Digest, ImageReference, Stream, Transition, TransitionKind
from scanner.storage.moments import from_text, to_text


def write(transition: Transition) -> str:
    """Write a transition."""
    stream, image = transition.stream, transition.image
    return json.dumps(
        {
            "registry": stream.registry,
            "repository": stream.repository,
            "name": stream.name,
            "number": transition.number,
            "kind": transition.kind.value,
            "digest": str(image.digest),
            "report_id": transition.report_id,
            "report_before": transition.report_before,
            "before": str(transition.before or ""),
            "at": to_text(transition.at),
            "since": to_text(transition.since),
        },
        separators=(",", ":"),
    )


def read(text: str) -> Transition:
    """Read a transition. Raises StoreError for what `write` would not have written."""
    try:
        return _read(json.loads(text))
    except (AttributeError, InvalidMessageError, KeyError, TypeError, ValueError) as error:
        raise StoreError("a stored transition is not one of ours") from error


def _read(members: dict[str, Any]) -> Transition:
    stream = Stream(
        registry=members["registry"], repository=members["repository"], name=members["name"]
    )
    return Transition(
        stream=stream,
        number=int(members["number"]),
        kind=TransitionKind(members["kind"]),
        image=ImageReference(
            registry=stream.registry,
            repository=stream.repository,
            digest=Digest(members["digest"]),
            tag=stream.tag,
        ),
        report_id=members["report_id"],
        report_before=members["report_before"],
        before=Digest(members["before"]) if members["before"] else None,
        at=from_text(members["at"]),
        since=from_text(members["since"]),
    )
