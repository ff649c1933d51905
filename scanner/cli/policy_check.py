"""What `pushscan doctor` says of the policy and of the tables on exploits."""

from datetime import datetime, timedelta
from typing import Final

from scanner.cli.doctor import Diagnosis, Outcome
from scanner.cli.screen import age, minute
from scanner.errors import PushscanError
from scanner.model import Policy
from scanner.model.exploits import EPSS, KNOWN_EXPLOITED
from scanner.policy import default_policy
from scanner.rulebooks import Rulebooks

REMEDY: Final = "see PUSHSCAN_POLICY, and `pushscan policy check FILE`"
TABLES: Final = {EPSS: "EPSS", KNOWN_EXPLOITED: "known exploited"}
_SETTINGS: Final = {EPSS: "PUSHSCAN_EPSS_SOURCE", KNOWN_EXPLOITED: "PUSHSCAN_KEV_SOURCE"}


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


def examine_table(rulebooks: Rulebooks, table: str, *, is_wanted: bool, now: datetime) -> Diagnosis:
    """Say which edition of a table is in force, and how the last look went. Raises StoreError."""
    policy, standing = policy_of(rulebooks), rulebooks.archive.in_force()
    asked = "" if policy.asks_for_table(table) else "; no rule asks for it"
    if not is_wanted:
        detail = f"not used: set {_SETTINGS[table]}{asked}"
        return Diagnosis(outcome=Outcome.OK if asked else Outcome.WARN, detail=detail)
    versions = standing.policy.exploits if standing else ()
    version = next((one for one in versions if one.name == table), None)
    update = rulebooks.tables.last_update(table)
    failed = ""
    if update is not None and update.failure:
        failed = f"; the look of {minute(update.ended_at)} failed: {update.failure}"
    if version is None:
        detail = f"none is in force yet{failed}{asked}"
        return Diagnosis(outcome=Outcome.WARN, detail=detail)
    said = f"of {minute(version.published_at)}, {age(version.published_at, now)} old"
    limit = policy.max_exploit_age_days
    if now - version.published_at >= timedelta(days=limit):
        detail = f"{said}: tells nothing after {limit} days{failed}"
        return Diagnosis(outcome=Outcome.WARN, detail=detail)
    return Diagnosis(
        outcome=Outcome.WARN if failed else Outcome.OK, detail=f"{said}{failed}{asked}"
    )


def policy_of(rulebooks: Rulebooks) -> Policy:
    """Return what is written, or the default one where that cannot be read: it has its own line."""
    try:
        return rulebooks.read()[0]
    except PushscanError:
        return default_policy()
