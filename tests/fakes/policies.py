"""Policies in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from scanner.errors import StoreError
from scanner.model import AppliedPolicy, Digest
from scanner.ports.policies import InForce


@dataclass(kw_only=True)
class InMemoryPolicyFolder:
    """Documents by name, as people put them there."""

    documents: dict[str, bytes] = field(default_factory=dict)

    def read(self, name: str, *, max_bytes: int) -> bytes | None:
        """Return a document."""
        document = self.documents.get(name)
        if document is not None and len(document) > max_bytes:
            raise StoreError(f"{name} is larger than {max_bytes} bytes")
        return document

    def names(self, folder: str) -> list[str]:
        """Name the documents in a folder."""
        return sorted(name for name in self.documents if name.startswith(f"{folder}/"))


@dataclass(kw_only=True)
class InMemoryPolicyArchive:
    """Documents by digest, and which are in force."""

    documents: dict[Digest, bytes] = field(default_factory=dict)
    standing: InForce | None = None

    def in_force(self) -> InForce | None:
        """Return what was put in force last."""
        return self.standing

    def keep(self, digest: Digest, document: bytes) -> None:
        """Keep a document."""
        if Digest.of(document) != digest:
            raise ValueError("a document is kept under its own digest")
        self.documents[digest] = document

    def find(self, digest: Digest) -> bytes | None:
        """Return a document."""
        return self.documents.get(digest)

    def put_in_force(self, policy: AppliedPolicy, *, now: datetime) -> InForce:
        """Switch, unless it is in force already; then only a fault is forgotten."""
        if self.standing is not None and self.standing.policy == policy:
            self.standing = replace(self.standing, fault="")
        else:
            self.standing = InForce(policy=policy, since=now)
        return self.standing

    def note_fault(self, fault: str) -> None:
        """Note a fault beside what is in force."""
        if self.standing is not None:
            self.standing = replace(self.standing, fault=fault)
