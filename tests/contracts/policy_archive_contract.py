"""What every PolicyArchive does; run on the fake and on the real one."""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.model import Digest, TableVersion
from scanner.ports.policies import InForce, PolicyArchive
from tests.examples import NOW
from tests.policies import APPLIED

HOUR = timedelta(hours=1)
EXEMPT = replace(APPLIED, exemptions=Digest("sha256:" + "ee" * 32))
EPSS = TableVersion(name="epss", digest=Digest("sha256:" + "ef" * 32), published_at=NOW)
KEV = replace(EPSS, name="known-exploited")


class PolicyArchiveContract(ABC):
    """Subclasses say how to get an archive in which nothing is in force."""

    @abstractmethod
    def archive(self) -> PolicyArchive:
        """Return the archive under test; each call within a test returns one on the same data."""

    def test_at_first_nothing_is_in_force(self) -> None:
        """And a fault has nothing to stand beside."""
        self.archive().note_fault("broken")
        assert self.archive().in_force() is None

    def test_a_document_is_kept_by_its_digest(self) -> None:
        """Twice is like once; under another digest it is refused."""
        document = b'{"version":1}'
        digest = Digest.of(document)
        assert self.archive().find(digest) is None
        self.archive().keep(digest, document)
        self.archive().keep(digest, document)
        assert self.archive().find(digest) == document
        with pytest.raises(ValueError, match="under its own digest"):
            self.archive().keep(digest, b"another")

    def test_what_is_put_in_force_is_so_for_everybody(self) -> None:
        """The same again keeps its date, and another replaces it."""
        self.archive().put_in_force(APPLIED, now=NOW)
        assert self.archive().put_in_force(APPLIED, now=NOW + HOUR).since == NOW
        assert self.archive().in_force() == InForce(policy=APPLIED, since=NOW)
        self.archive().put_in_force(EXEMPT, now=NOW + HOUR)
        assert self.archive().in_force() == InForce(policy=EXEMPT, since=NOW + HOUR)

    def test_tables_are_in_force_beside_the_policy(self) -> None:
        """By name, the newest of each, whatever policy comes."""
        assert self.archive().put_table_in_force(EPSS) is None
        self.archive().put_in_force(APPLIED, now=NOW)
        self.archive().put_table_in_force(KEV)
        standing = self.archive().put_table_in_force(EPSS)
        assert standing == self.archive().in_force()
        assert standing == InForce(policy=replace(APPLIED, exploits=(EPSS, KEV)), since=NOW)
        older = replace(EPSS, digest=KEV.digest, published_at=NOW - HOUR)
        newer = replace(EPSS, digest=Digest("sha256:" + "e0" * 32), published_at=NOW + HOUR)
        assert self.archive().put_table_in_force(older) == standing
        self.archive().put_table_in_force(newer)
        self.archive().put_in_force(EXEMPT, now=NOW)
        assert self.archive().in_force() == InForce(
            policy=replace(EXEMPT, exploits=(newer, KEV)), since=NOW
        )

    def test_a_fault_stands_beside_what_is_in_force(self) -> None:
        """Until something is put in force, be it the same."""
        self.archive().put_in_force(APPLIED, now=NOW)
        self.archive().note_fault("policy.yaml:3: is wrong")
        assert self.archive().in_force() == InForce(
            policy=APPLIED, since=NOW, fault="policy.yaml:3: is wrong"
        )
        self.archive().put_in_force(APPLIED, now=NOW + HOUR)
        assert self.archive().in_force() == InForce(policy=APPLIED, since=NOW)
