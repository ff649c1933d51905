"""The rows of table `streams`: a stream's state, and what was told of an image.

A property holds 32 Ki characters, so that long texts are spread over several.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from scanner.blocking import MAXIMUM_KEYS
from scanner.errors import InvalidMessageError, StoreError
from scanner.model import Digest, Status
from scanner.storage import transition_json
from scanner.storage.moments import from_text, to_text
from scanner.storage.rows import Row
from scanner.transitions import StreamState, Told
from scanner.voices import Mended, Voice

_PART_CHARACTERS = 30_000
_NEVER = datetime.min.replace(tzinfo=UTC)


def write_state(state: StreamState) -> Row:
    """Write what is known of a stream. `wake_at` is for queries alone."""
    pushed_at, digest, as_of, report_id = state.place
    document = {
        "pushed_at": _moment(None if pushed_at == _NEVER else pushed_at),
        "digest": digest,
        "as_of": to_text(as_of),
        "report_id": report_id,
        "status": state.status.value,
        "since": to_text(state.since),
        "told": _write_told(state.told) if state.told else None,
        "unknown": str(state.unknown or ""),
        "known_since": _moment(state.known_since),
        "resolved_at": _moment(state.resolved_at),
        "expiring": _write_ends(state.expiring),
        "announced": _write_ends(state.announced),
        "number": state.number,
        "pending": [transition_json.write(one) for one in state.pending],
    }
    return {"wake_at": _moment(state.wake_at), **_spread(document)}


def read_state(row: Row) -> StreamState:
    """Read what is known of a stream. Raises StoreError for a row that is not one of ours."""
    try:
        members = _gathered(row)
        return StreamState(
            place=(
                _read_moment(members["pushed_at"]) or _NEVER,
                members["digest"],
                from_text(members["as_of"]),
                members["report_id"],
            ),
            status=Status(members["status"]),
            since=from_text(members["since"]),
            told=_read_told(members["told"]) if members["told"] else None,
            unknown=Digest(members["unknown"]) if members["unknown"] else None,
            known_since=_read_moment(members["known_since"]),
            resolved_at=_read_moment(members["resolved_at"]),
            expiring=_read_ends(members["expiring"]),
            announced=_read_ends(members["announced"]),
            number=int(members["number"]),
            pending=tuple(transition_json.read(one) for one in members["pending"]),
        )
    except (InvalidMessageError, KeyError, TypeError, ValueError) as error:
        raise StoreError("streams.read: a row is not one of ours") from error


def write_voice(voice: Voice) -> Row:
    """Write what was told of an image. Nobody need ever look at that by the clock."""
    document = {
        "told_at": _moment(voice.told_at),
        "keys": _write_keys(voice.keys),
        "standing": [[name, to_text(at)] for name, at in voice.standing.items()],
        "mended": {
            digest: [to_text(mended.at), mended.report_id, *mended.told_by]
            for digest, mended in voice.mended.items()
        },
        "unknown_at": _moment(voice.unknown_at),
        "expiring": _write_keys(voice.expiring),
        "unknown_by": list(voice.unknown_by),
        "expiring_by": list(voice.expiring_by),
        "spoken": list(voice.spoken),
    }
    return {"wake_at": "", **_spread(document)}


def read_voice(row: Row) -> Voice:
    """Read what was told of an image. Raises StoreError for a row that is not one of ours."""
    try:
        members = _gathered(row)
        return Voice(
            told_at=_read_moment(members["told_at"]),
            keys=_read_keys(members["keys"]),
            standing=_read_standing(members),
            mended={
                digest: Mended(at=from_text(at), report_id=report_id, told_by=tuple(told_by))
                for digest, (at, report_id, *told_by) in members["mended"].items()
            },
            unknown_at=_read_moment(members["unknown_at"]),
            expiring=_read_keys(members["expiring"]),
            unknown_by=tuple(members.get("unknown_by", [])),
            expiring_by=tuple(members.get("expiring_by", [])),
            spoken=tuple(members["spoken"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError("streams.read: a voice is not one of ours") from error


def _write_told(told: Told) -> dict[str, Any]:
    return {
        "digest": str(told.digest),
        "report_id": told.report_id,
        "since": to_text(told.since),
        "policy": told.policy,
        "keys": _write_keys(told.keys),
        "well_since": _moment(told.well_since),
    }


def _read_told(members: Mapping[str, Any]) -> Told:
    return Told(
        digest=Digest(members["digest"]),
        report_id=members["report_id"],
        since=from_text(members["since"]),
        policy=members["policy"],
        keys=_read_keys(members["keys"]),
        well_since=_read_moment(members["well_since"]),
    )


def _read_standing(members: Mapping[str, Any]) -> Mapping[str, datetime]:
    # Rows of before say who was told of, and not when.
    entries = [
        [one, members["told_at"] or to_text(_NEVER)] if isinstance(one, str) else one
        for one in members["standing"]
    ]
    return {name: from_text(at) for name, at in entries}


def _write_keys(keys: Iterable[str]) -> str:
    return " ".join(sorted(keys)[: 2 * MAXIMUM_KEYS])


def _read_keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _write_ends(ends: Mapping[str, datetime]) -> dict[str, str]:
    return {key: to_text(end) for key, end in ends.items()}


def _read_ends(members: Mapping[str, str]) -> Mapping[str, datetime]:
    return {key: from_text(end) for key, end in members.items()}


def _moment(moment: datetime | None) -> str:
    return to_text(moment) if moment else ""


def _read_moment(text: str) -> datetime | None:
    return from_text(text) if text else None


def _spread(document: Mapping[str, Any]) -> Row:
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    parts = [text[at : at + _PART_CHARACTERS] for at in range(0, len(text), _PART_CHARACTERS)]
    return {f"part_{number:02}": part for number, part in enumerate(parts)}


def _gathered(row: Row) -> Mapping[str, Any]:
    parts = sorted((name, str(text)) for name, text in row.items() if name.startswith("part_"))
    members: Mapping[str, Any] = json.loads("".join(text for _, text in parts))
    return members
