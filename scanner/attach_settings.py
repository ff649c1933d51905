"""The settings for what is attached to images in their registry."""

from dataclasses import dataclass

from scanner.environment import Environment
from scanner.model import AttachmentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachSettings:
    """What is attached, and by whom."""

    kinds: frozenset[AttachmentKind]
    """Nothing unless somebody wants it: it takes the right to push."""
    client_id: str | None
    """Client id of the identity that may write to registries; None means the one that pulls."""


def read(environment: Environment) -> AttachSettings:
    """Read both settings; faults are noted in the environment."""
    return AttachSettings(
        kinds=environment.parsed(
            "PUSHSCAN_ATTACH", _kinds, frozenset(), "a comma-separated list of sarif, cyclonedx"
        ),
        client_id=environment.optional("PUSHSCAN_ATTACH_CLIENT_ID"),
    )


def _kinds(text: str) -> frozenset[AttachmentKind]:
    return frozenset(AttachmentKind(word) for word in filter(None, map(str.strip, text.split(","))))
