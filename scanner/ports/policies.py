"""Policies and exemptions: where people put them, and what of it is in force."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scanner.model import AppliedPolicy, Digest


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
        """Have all workers judge by these documents, which are kept. Safe to repeat."""

    def note_fault(self, fault: str) -> None:
        """Note why something is not in force, beside what stays so. Does nothing before any is."""
