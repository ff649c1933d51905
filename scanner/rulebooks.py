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
from typing import Final

from scanner.errors import ExploitsError, PolicyError, PolicyFault, StoreError
from scanner.exploits import Table, read_table, together
from scanner.model import (
    AppliedPolicy,
    Digest,
    Exemption,
    Exemptions,
    Policy,
    Rulebook,
    TableVersion,
    VexStatement,
)
from scanner.policy import canonical, default_policy, kept, read_policy
from scanner.policy.exemption_file import NAME as EXEMPTIONS
from scanner.policy.exemption_file import read_exemptions
from scanner.policy.nodes import MAX_BYTES
from scanner.policy.openvex import read_openvex
from scanner.ports.exploits import ExploitArchive
from scanner.ports.policies import InForce, PolicyArchive, PolicyFolder
from scanner.rule_changes import changed_keys

logger = logging.getLogger(__name__)

VEX: Final = "vex"
"""The folder for OpenVEX documents, beside the policy."""
_MAX_VEX_DOCUMENTS: Final = 200


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
        faults: list[PolicyFault] = []
        policy, exemptions = default_policy(), Exemptions()
        try:
            policy = self._read_policy()
        except PolicyError as error:
            faults += error.faults
        try:
            exemptions = self._read_exemptions(policy)
        except PolicyError as error:
            faults += error.faults
        if faults:
            raise PolicyError(faults)
        return policy, exemptions

    def _read_policy(self) -> Policy:
        if self.policy is None:
            return default_policy()
        text = self._text(self.policy)
        if text is None:
            raise PolicyError([_fault(self.policy, "is not there")])
        return read_policy(self.policy, text)

    def _read_exemptions(self, policy: Policy) -> Exemptions:
        faults: list[PolicyFault] = []
        exemptions: tuple[Exemption, ...] = ()
        statements: list[VexStatement] = []
        if (text := self._text(EXEMPTIONS)) is not None:
            try:
                exemptions = read_exemptions(EXEMPTIONS, text, policy, now=self.clock())
            except PolicyError as error:
                faults += error.faults
        names = [name for name in self.folder.names(VEX) if name.endswith(".json")]
        if len(names) > _MAX_VEX_DOCUMENTS:
            faults.append(_fault(VEX, f"has more than {_MAX_VEX_DOCUMENTS} documents"))
        for name in names[:_MAX_VEX_DOCUMENTS]:
            try:
                statements += read_openvex(name, self._text(name) or b"")
            except PolicyError as error:
                faults += error.faults
        if faults:
            raise PolicyError(faults)
        return kept.exemptions_of(exemptions, tuple(statements))

    def _text(self, name: str) -> bytes | None:
        return self.folder.read(name, max_bytes=MAX_BYTES)


def _fault(file: str, problem: str) -> PolicyFault:
    return PolicyFault(file=file, line=1, field="", problem=problem)
