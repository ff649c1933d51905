"""What `pushscan doctor` says of the policy."""

from typing import Final

from scanner.cli.doctor import Diagnosis, Outcome
from scanner.cli.screen import minute
from scanner.errors import PushscanError
from scanner.model import Policy
from scanner.policy import default_policy
from scanner.rulebooks import Rulebooks

REMEDY: Final = "see PUSHSCAN_POLICY, and `pushscan policy check FILE`"


def examine(rulebooks: Rulebooks) -> Diagnosis:
    """Read what people wrote, and say what of it is in force. Nothing is put in force.

    Raises PolicyError where nothing is in force and nothing can be, and StoreError.
    """
    standing = rulebooks.archive.in_force()
    if standing is None:
        policy, _ = rulebooks.read()
        detail = f"{policy.name} ({policy.digest}), not in force before the first job"
        return Diagnosis(outcome=Outcome.OK, detail=detail)
    said = f"{standing.policy.name} ({standing.policy.digest}) since {minute(standing.since)}"
    if standing.fault:
        detail = f"{said}; what was written since is not in force: {standing.fault}"
        return Diagnosis(outcome=Outcome.WARN, detail=detail)
    known = rulebooks.find(standing.policy).exemptions
    count = len(known.exemptions) + len(known.statements)
    exempted = f", {count} exemption{'' if count == 1 else 's'}" if count else ""
    return Diagnosis(outcome=Outcome.OK, detail=f"{said}{exempted}")


def policy_of(rulebooks: Rulebooks) -> Policy:
    """Return what is written, or the default one where that cannot be read: it has its own line."""
    try:
        return rulebooks.read()[0]
    except PushscanError:
        return default_policy()
