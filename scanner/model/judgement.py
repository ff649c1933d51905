"""What follows from what was seen: an outcome for each finding, and what would mend the image."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scanner.model.findings import Finding, Weakness

Subject = Finding | Weakness


class Outcome(StrEnum):
    """What a policy makes of one finding."""

    BLOCKS = "blocks"
    """It makes the image unhealthy."""
    WARNS = "warns"
    """It is shown, and will block once its period of grace is over, if it has one."""
    ACCEPTED = "accepted"
    """An exemption or a VEX statement lets it pass."""
    INFORMS = "informs"
    """No rule concerns it."""


class Origin(StrEnum):
    """Who brought a finding into the image."""

    BASE = "base"
    THIS_PUSH = "this-push"
    EARLIER = "earlier"
    """The image that had the tag before has it too, or has the layer that it is in."""
    UNKNOWN = "unknown"
    """It cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy says of one finding, and why."""

    subject: Subject
    outcome: Outcome
    rule: str
    """Name of the deciding rule; empty where none concerns it."""
    exemption: str = ""
    """Id of the exemption or VEX statement that was used; empty where none was."""
    due: datetime | None = None
    """When a period of grace ends, or the exemption does."""
    unknown_inputs: tuple[str, ...] = ()
    """What the rules asked for and nobody knows, e.g. `epss`."""
    origin: Origin = Origin.UNKNOWN


class RemedyKind(StrEnum):
    """What somebody can do."""

    UPGRADE = "upgrade"
    """Take a newer version of a package."""
    REBASE = "rebase"
    """Build on a newer base image."""
    REMOVE = "remove"
    """Take out a package that has no fixed version, or a secret."""
    CONFIGURE = "configure"
    """Change a setting of the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One change to the image, out of the smallest set that makes it healthy."""

    kind: RemedyKind
    target: str
    """Package, base image, path of a secret, or what a setting is like; text from the image."""
    package_type: str = ""
    installed_version: str = ""
    wanted_version: str = ""
    """The lowest that clears all that it can; empty where nothing is to be installed."""
    layer_diff_id: str = ""
    """Of the layer that brought what is to be changed; empty where it cannot be told."""
    origin: Origin = Origin.UNKNOWN
    clears: tuple[str, ...] = ()
    """Ids of the vulnerabilities or rules that no longer block then, sorted, each once."""
