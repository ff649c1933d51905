"""Trims what `azmcp bicepschema get` prints to what the checker reads.

    npm pack @azure/mcp-linux-x64@2.0.5    # MIT; works without network and account
    azmcp bicepschema get --resource-type Microsoft.X/y > FOLDER/any-name.json    # for each type
    python -m local.bicep.trim FOLDER

Descriptions and what is only ever read go; names, types, and whether a property is required or
read-only stay. Types of which that tool has no schema are in `schemas/written.json`, by hand.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "schemas"
_NAME = re.compile(r"\w+")


def trim(printed: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a resource type's file name and its slice."""
    entries = printed["results"]["BicepSchemaResult"]
    resource = next(one for one in entries if one["$type"] == "Resource")
    known = {one["name"]: one for one in entries if "Object" in one["$type"]}
    kind, _, version = resource["name"].partition("@")
    body = _object(resource["bodyType"])
    types: dict[str, Any] = {}
    waiting = _names_in(body)
    while waiting:
        name = waiting.pop()
        if name in known and name not in types:
            types[name] = _object(known[name])
            waiting |= _names_in(types[name])
    name = kind.replace("/", "_") + ".json"
    return name, {"type": kind, "version": version, "body": body, "types": types}


def _object(entry: dict[str, Any]) -> dict[str, Any]:
    if entry["$type"] == "DiscriminatedObject":
        return {
            "properties": _properties(entry["baseProperties"]),
            "variants": [_properties(one["properties"]) for one in entry["elements"]],
        }
    trimmed: dict[str, Any] = {"properties": _properties(entry.get("properties", []))}
    if further := entry.get("additionalPropertiesType"):
        trimmed["further"] = further if isinstance(further, str) else "any"
    return trimmed


def _properties(entries: list[dict[str, Any]]) -> dict[str, str]:
    """Write a property as `type`, `type!` when it is required and `type#` when read-only."""
    marks = (("Required", "!"), ("ReadOnly", "#"))
    return {
        one["name"]: one["type"]
        + "".join(mark for flag, mark in marks if flag in one.get("flags", ""))
        for one in entries
    }


def _names_in(entry: dict[str, Any]) -> set[str]:
    written = [entry["properties"], *entry.get("variants", [])]
    texts = [text for group in written for text in group.values()]
    return {name for text in [*texts, entry.get("further", "")] for name in _NAME.findall(text)}


def main() -> None:
    """Write a slice for each file of the folder that holds a schema."""
    for path in sorted(Path(sys.argv[1]).glob("*.json")):
        text = path.read_text(encoding="utf-8")
        if text.startswith("{"):
            name, slice_ = trim(json.loads(text))
            written = json.dumps(slice_, indent=1, sort_keys=True) + "\n"
            (FOLDER / name).write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
