"""Policies in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from scanner.errors import StoreError
from scanner.model import AppliedPolicy, Digest, TableVersion
from scanner.ports.exploits import TableUpdate
from scanner.ports.policies import InForce, with_policy, with_table


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
        self.standing = with_policy(self.standing, policy, now)
        return self.standing

    def put_table_in_force(self, version: TableVersion) -> InForce | None:
        """Switch one table."""
        if self.standing is not None:
            self.standing = with_table(self.standing, version)
        return self.standing

    def note_fault(self, fault: str) -> None:
        """Note a fault beside what is in force."""
        if self.standing is not None:
            self.standing = replace(self.standing, fault=fault)


@dataclass(kw_only=True)
class InMemoryExploitArchive:
    """Tables by digest, and how looks for newer ones went."""

    contents: dict[Digest, bytes] = field(default_factory=dict)
    updates: dict[str, TableUpdate] = field(default_factory=dict)

    def keep(self, digest: Digest, content: bytes) -> None:
        """Keep a table."""
        if Digest.of(content) != digest:
            raise ValueError("a table is kept under its own digest")
        self.contents[digest] = content

    def find(self, digest: Digest) -> bytes | None:
        """Return a table."""
        return self.contents.get(digest)

    def note(self, table: str, update: TableUpdate) -> None:
        """Take a note."""
        self.updates[table] = update

    def last_update(self, table: str) -> TableUpdate | None:
        """Return the last note."""
        return self.updates.get(table)
