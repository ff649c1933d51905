"""The ports that sharing advisories needs, and the values that cross them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from scanner.model import Advisories, Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAccess:
    """What lets another program pull one repository of a registry of ours, for a short time."""

    token: str = field(repr=False)
    ca_file: Path | None
    """Authorities to trust; None means the system's."""


AccessTo = Callable[[str], RegistryAccess | None]
"""Gives access to an OCI reference `host/repository:tag`; None where the host is not ours.

Raises RegistryError.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """One file of an archived database."""

    name: str
    """Path below the database's directory, as in `db/trivy.db`."""
    digest: Digest
    size: int
    """Bytes, as is `packed_size`."""
    packed_digest: Digest
    """Of the file as it is stored, compressed."""
    packed_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedAdvisories:
    """The databases that all workers share."""

    source: str
    digest: Digest
    java_digest: Digest
    updated_at: datetime
    is_step_back: bool
    """Whether somebody chose them over newer ones: a worker that has newer ones drops those."""
    files: tuple[ArchivedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryUpdate:
    """How the last update that has ended went."""

    ended_at: datetime
    failure: str
    """Empty where it did what it should."""


class AdvisoryArchive(Protocol):
    """The advisory databases that all workers share, and whose turn it is to update them.

    Everything raises StoreError.
    """

    def latest(self) -> ArchivedAdvisories | None:
        """Say which databases are current; None before there are any. Costs one small read."""

    def fetch(self, archived: ArchivedAdvisories, *, into: Path) -> None:
        """Write the files into an empty folder, each verified compressed and plain.

        What was current is kept until it is superseded twice.
        """

    def publish(
        self, advisories: Advisories, directory: Path, *, allow_older: bool = False
    ) -> ArchivedAdvisories:
        """Keep the files `directory/*/*` and make them current, unless what is current is newer.

        Returns what is current afterwards. Safe to repeat.
        """

    def begin_update(self, holder: str, *, now: datetime) -> bool:
        """Take the turn; False while another holder has it, for 30 minutes at most."""

    def end_update(self, holder: str, *, now: datetime, failure: str = "") -> None:
        """Give the turn back and note how it went; without effect if it is another's by now."""

    def last_update(self) -> AdvisoryUpdate | None:
        """Say how the last update went."""
