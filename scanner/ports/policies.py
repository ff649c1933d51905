"""Policies and exemptions: where people put them, and what of it is in force."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from scanner.model import AppliedPolicy, Digest, TableVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What all workers judge by."""

    policy: AppliedPolicy
    """Names the documents by their digests."""
    since: datetime
    fault: str = ""
    """Why what was written since is not in force; empty where it is."""


class PolicyFolder(Protocol):
    """Where people put policies and exemptions. Everything raises StoreError."""

    def read(self, name: str, *, max_bytes: int) -> bytes | None:
        """Return a document, or None where there is none. A longer one is a StoreError."""

    def names(self, folder: str) -> list[str]:
        """Return the names of the documents in a folder, in order, `folder/` included."""


class PolicyArchive(Protocol):
    """Documents by their digests, and which are in force. Everything raises StoreError."""

    def in_force(self) -> InForce | None:
        """Return what all workers judge by; None where nothing ever was."""

    def keep(self, digest: Digest, document: bytes) -> None:
        """Keep a document, which has this digest. Safe to repeat."""

    def find(self, digest: Digest) -> bytes | None:
        """Return a document, its digest verified, or None where there is none."""

    def put_in_force(self, policy: AppliedPolicy, *, now: datetime) -> InForce:
        """Have all workers judge by these documents, which are kept. Safe to repeat.

        Tables on exploits stay those that are in force.
        """

    def put_table_in_force(self, version: TableVersion) -> InForce | None:
        """Have all workers use this table, which is kept, unless a newer one of its name is.

        None where no policy is in force yet.
        """

    def note_fault(self, fault: str) -> None:
        """Note why something is not in force, beside what stays so. Does nothing before any is."""


def with_policy(standing: InForce | None, policy: AppliedPolicy, now: datetime) -> InForce:
    """Return what is in force once a policy was put so; tables stay, and a fault is mended."""
    exploits = standing.policy.exploits if standing else ()
    wanted = replace(policy, exploits=exploits)
    if standing is not None and standing.policy == wanted:
        return replace(standing, fault="")
    return InForce(policy=wanted, since=now)


def with_table(standing: InForce, version: TableVersion) -> InForce:
    """Return what is in force once a table was put so, unless a newer one of its name is."""
    by_name = {one.name: one for one in standing.policy.exploits}
    present = by_name.get(version.name)
    if present is None or present.published_at <= version.published_at:
        by_name[version.name] = version
    exploits = tuple(by_name[name] for name in sorted(by_name))
    return replace(standing, policy=replace(standing.policy, exploits=exploits))
