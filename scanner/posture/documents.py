"""The parts of what is known of one registry, as ARM's own JSON.

A bundle is one JSON object: `registry` holds the registry, each other name a list answer of ARM
(`{"value": [...]}`) or the error that came instead (`{"error": {"code": ...}}`). It is what the
live reader collects, and what a person may keep as a file. `containerApps` names those that pull
from this registry by identity, and nothing else of them: their settings may hold anything.
"""

from typing import Any, Final

from scanner.posture.known import Answer, Unknown
from scanner.posture.properties import Properties
from scanner.text import visible

Document = dict[str, Any]

REGISTRY: Final = "registry"
PARTS: Final = (
    "replications",
    "webhooks",
    "tokens",
    "cacheRules",
    "containerApps",
    "diagnosticSettings",
    "roleAssignments",
    "policyStates",
)
"""Every part that a bundle may hold beside the registry; private endpoints are in the registry."""
MAX_ENTRIES: Final = 10_000


def is_bundle(untrusted: object) -> bool:
    """Whether this is a bundle."""
    return isinstance(untrusted, dict) and isinstance(untrusted.get(REGISTRY), dict)


def part(bundle: Document, name: str, *, is_declared: bool) -> Answer[list[Properties]]:
    """Return the objects of one part, or why they are not known."""
    answer = bundle.get(name)
    if not isinstance(answer, dict):
        return [] if is_declared else Unknown(f"{name} were not read")
    if isinstance(answer.get("value"), list):
        return [
            Properties(members=entry, is_declared=is_declared, where=f"{name}[].")
            for entry in answer["value"][:MAX_ENTRIES]
            if isinstance(entry, dict)
        ]
    error = answer.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return Unknown(f"{name} could not be read: {visible(str(code or 'no list came'), 80)}")
