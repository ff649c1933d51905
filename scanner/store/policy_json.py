"""Which policy decided <-> JSON."""

from typing import Any

from scanner.model import AppliedPolicy, Digest, TableVersion
from scanner.storage.moments import from_text, to_text

JsonObject = dict[str, Any]


def write_policy(policy: AppliedPolicy) -> JsonObject:
    """Write which policy decided."""
    return {
        "name": policy.name,
        "digest": str(policy.digest),
        "exemptions": str(policy.exemptions) if policy.exemptions else None,
        "tag": policy.tag,
        "exploits": [
            {
                "name": table.name,
                "digest": str(table.digest),
                "published_at": to_text(table.published_at),
            }
            for table in policy.exploits
        ],
    }


def read_policy(entry: JsonObject) -> AppliedPolicy:
    """Read which policy decided. Raises KeyError, TypeError, ValueError or others of decode."""
    exemptions = entry["exemptions"]
    return AppliedPolicy(
        name=entry["name"],
        digest=Digest(entry["digest"]),
        exemptions=Digest(exemptions) if exemptions is not None else None,
        tag=entry["tag"],
        exploits=tuple(
            TableVersion(
                name=table["name"],
                digest=Digest(table["digest"]),
                published_at=from_text(table["published_at"]),
            )
            for table in entry["exploits"]
        ),
    )
