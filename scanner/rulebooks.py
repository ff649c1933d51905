"""The rulebook that all workers judge by: documents that people wrote, read, kept, put in force.

Whoever sees a document first reads it for all: a row names what is in force, by digests, and each
worker takes that from the archive. So no two of them judge by different rules for longer than one
job, a document that cannot be read leaves the last good one in force, and what a report was judged
by is there for whoever wants to check it.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from scanner.errors import ExploitsError, PolicyError, StoreError
from scanner.exploits import Table, read_table, together
from scanner.model import (
    AppliedPolicy,
    Digest,
    Exemptions,
    Policy,
    Rulebook,
    TableVersion,
)
from scanner.policy import canonical, kept, read_policy
from scanner.policy_documents import PolicyDocuments
from scanner.ports.exploits import ExploitArchive
from scanner.ports.policies import InForce, PolicyArchive, PolicyFolder
from scanner.rule_changes import changed_keys

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebooks:
    """Reads, keeps and finds rulebooks. Safe to use from several threads and processes."""

    folder: PolicyFolder
    policy: str | None
    """Name of the policy in the folder; None for the default one."""
    archive: PolicyArchive
    tables: ExploitArchive
    clock: Callable[[], datetime]
    _last: list[tuple[AppliedPolicy, Rulebook]] = field(default_factory=list, repr=False)
    _tables: list[Table] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def current(self) -> Rulebook:
        """Return what is in force.

        Raises PolicyError where nothing ever was and what is written is no policy, and StoreError.
        """
        standing = self.archive.in_force() or self.update()
        return self.find(standing.policy)

    def update(self) -> InForce:
        """Read what people wrote, and put it in force. Safe to repeat.

        What cannot be read is noted, and what was in force stays so.

        Raises PolicyError where nothing was, and StoreError.
        """
        standing = self.archive.in_force()
        try:
            policy, exemptions = self.read()
        except PolicyError as error:
            logger.error("policy.refused why=%s", error)  # noqa: TRY400  its text says it all
            if standing is None:
                raise
            self.archive.note_fault(str(error))
            return standing
        self.archive.keep(policy.digest, canonical(policy))
        if exemptions.digest is not None:
            self.archive.keep(exemptions.digest, kept.encode(exemptions))
        wanted = AppliedPolicy(
            name=policy.name,
            digest=policy.digest,
            exemptions=exemptions.digest,
        )
        stands = self.archive.put_in_force(wanted, now=self.clock())
        if standing is None or stands.policy != standing.policy:
            logger.info("policy.in_force name=%s digest=%s", policy.name, policy.digest)
        return stands

    def find(self, applied: AppliedPolicy) -> Rulebook:
        """Return the rulebook of these digests. Raises StoreError where a document is gone."""
        with self._lock:
            for known, rulebook in self._last:
                if known == applied:
                    return rulebook
        policy = read_policy(applied.name, self._kept(applied.digest))
        exemptions = (
            kept.decode(self._kept(applied.exemptions)) if applied.exemptions else Exemptions()
        )
        exploits = together(*(self._table(version) for version in applied.exploits))
        rulebook = Rulebook(policy=policy, exemptions=exemptions, exploits=exploits)
        with self._lock:
            self._last[:] = [(applied, rulebook)]
        return rulebook

    def changes(self, before: AppliedPolicy, now: Rulebook) -> frozenset[int] | None:
        """Return which images it may concern that `now` is in force, as keys of `scanner.lookups`.

        None where any image may be. Raises StoreError.
        """
        if before.digest != now.policy.digest or self.archive.find(before.digest) is None:
            return None
        if before.exemptions and self.archive.find(before.exemptions) is None:
            return None
        if any(self.tables.find(one.digest) is None for one in before.exploits):
            return None
        return changed_keys(self.find(before), now)

    def _table(self, version: TableVersion) -> Table:
        """Return a table. Raises StoreError where it is gone."""
        with self._lock:
            for table in self._tables:
                if table.version == version:
                    return table
        content = self.tables.find(version.digest)
        if content is None:
            raise StoreError(f"exploits.read: {version.digest} is not kept")
        try:
            table = read_table(version.name, content)
        except ExploitsError as error:
            raise StoreError(f"exploits.read: {error}") from error
        with self._lock:
            others = [one for one in self._tables if one.version.name != version.name]
            self._tables[:] = [*others, table]
        return table

    def _kept(self, digest: Digest) -> bytes:
        document = self.archive.find(digest)
        if document is None:
            raise StoreError(f"policies.read: {digest} is not kept")
        return document

    def read(self) -> tuple[Policy, Exemptions]:
        """Read what people wrote. Raises PolicyError with the faults of all, and StoreError."""
        return PolicyDocuments(folder=self.folder, policy=self.policy, clock=self.clock).read()
