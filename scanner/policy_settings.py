"""The settings for which policy decides."""

import re
from dataclasses import dataclass
from pathlib import Path

from scanner.environment import Environment
from scanner.errors import PolicyError
from scanner.policy import read_policy
from scanner.policy.nodes import MAX_BYTES

_BLOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """Where policy, exemptions and VEX documents are."""

    directory: Path | None = None
    """None: the container `policies` of our own storage."""
    name: str | None = None
    """Of the policy in it; None for the one that is shipped."""


def read(environment: Environment) -> PolicySettings:
    """Read the setting; faults, of the file too, are noted in the environment."""
    name = "PUSHSCAN_POLICY"
    value = environment.optional(name)
    if value is None:
        return PolicySettings()
    if "/" not in value:
        if not _BLOB.fullmatch(value):
            environment.fault(name, "is neither a path nor the name of a blob")
        return PolicySettings(name=value)
    path = Path(value)
    try:
        with path.open("rb") as file:
            # Read here too, so that nothing starts with a file that cannot be judged by.
            read_policy(path.name, file.read(MAX_BYTES + 1))
    except OSError as error:
        environment.fault(name, f"cannot be read: {error.strerror}")
    except PolicyError as error:
        environment.fault(name, f"is no policy: {error}")
    return PolicySettings(directory=path.parent, name=path.name)
