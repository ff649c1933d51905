"""What Azure takes for each resource type: the committed slices of `schemas/`.

`sources.json` says how each was made, with what it was compared, and where it differs on purpose.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "schemas"
_WRITTEN, _SOURCES = "written.json", "sources.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An object: its properties as `type`, `type!` (required) or `type#` (read-only)."""

    properties: dict[str, str]
    further: str | None
    """Type of properties that are not named; None allows none."""
    variants: tuple[dict[str, str], ...]
    """Properties by the value of the one that tells variants apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One resource type in one API version."""

    type: str
    version: str
    body: Shape
    types: dict[str, Shape]


@lru_cache(maxsize=1)
def slices() -> dict[str, Slice]:
    """Return every slice by resource type in lower case."""
    written = json.loads((FOLDER / _WRITTEN).read_text(encoding="utf-8"))
    made = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.json"))
        if path.name not in {_WRITTEN, _SOURCES}
    ]
    for one in made:
        _amend(one, written["amended"].get(one["type"], {}))
    return {one["type"].lower(): _slice(one) for one in [*made, *written["written"]]}


def _amend(made: dict[str, Any], amendment: dict[str, Any]) -> None:
    made["version"] = amendment.get("version", made["version"])
    made["body"]["properties"] |= amendment.get("body", {})
    for name, properties in amendment.get("types", {}).items():
        made["types"][name]["properties"] |= properties


def _slice(made: dict[str, Any]) -> Slice:
    return Slice(
        type=made["type"],
        version=made["version"],
        body=_shape(made["body"]),
        types={name: _shape(one) for name, one in made["types"].items()},
    )


def _shape(made: dict[str, Any]) -> Shape:
    return Shape(
        properties=made["properties"],
        further=made.get("further"),
        variants=tuple(made.get("variants", ())),
    )
