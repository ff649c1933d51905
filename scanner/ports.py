"""The ports that the pipeline needs, and the values that cross them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from scanner.model import (
    Advisories,
    Digest,
    ImageReference,
    NotApplicable,
    Platform,
    Report,
    Scanner,
    ScanReport,
    Status,
    Unexaminable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedImage:
    """One platform's image: a manifest and its config, both verified by digest."""

    reference: ImageReference
    platform: Platform
    manifest: bytes
    config: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """One platform's manifest in an index, as the index describes it."""

    platform: Platform
    reference: ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedIndex:
    """An index (or Docker manifest list): the images in it, attestations left out."""

    reference: ImageReference
    children: tuple[IndexEntry, ...]


Resolved = ResolvedImage | ResolvedIndex | NotApplicable | Unexaminable


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """An OCI layout on disk with exactly one image, every blob and diff_id verified."""

    path: Path
    diff_ids: tuple[Digest, ...]

    def layers(self) -> list[Path]:
        """Return the unpacked layers, bottom first."""
        return [self.path / "blobs" / "sha256" / diff_id.hex for diff_id in self.diff_ids]


class Registry(Protocol):
    """The side that has credentials and network, and opens no layer."""

    def resolve(self, image: ImageReference) -> Resolved:
        """Say what a manifest is. Raises RegistryError when the registry does not answer."""

    def pull(self, image: ResolvedImage, *, into: Path) -> Layout | Unexaminable:
        """Write the image as an OCI layout into an empty folder, verifying every byte."""


class ImageScanner(Protocol):
    """The side that opens layers, and has neither credentials nor network."""

    def describe(self) -> Scanner:
        """Name the scanner and its sandbox. Raises SandboxUnavailableError."""

    def advisories(self) -> Advisories:
        """Name the advisory database in use. Raises AdvisoriesError when there is none."""

    def scan(self, layout: Layout, *, advisories: Advisories) -> ScanReport | Unexaminable:
        """Examine one image against these advisories, even if others are current by now.

        Raises SandboxUnavailableError rather than run bare, and AdvisoriesError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentVerdict:
    """The row that says what is said of an image now; the report holds the evidence."""

    image: ImageReference
    """Its tag is the newest that named this digest, if any did."""
    status: Status
    reason: str
    rule: str
    explanation: str
    report_id: str
    as_of: datetime
    platform: str
    counts: str
    """Findings by severity, worst first, as `CRITICAL=1 HIGH=2 ...`."""
    part_of: Digest | None = None
    """The index that this platform's image belongs to, once that has been judged."""


class ReportStore(Protocol):
    """Reports (immutable, by id) and the current verdict of each image."""

    def find_report(self, report_id: str) -> Report | None:
        """Return a stored report, or None when there is none of that id."""

    def save(self, report: Report, *, part_of: Digest | None = None) -> CurrentVerdict:
        """Store the report, then make it current unless a later one is. Safe to repeat.

        Returns what is current afterwards. Raises StoreError.
        """

    def current(self, image: ImageReference) -> CurrentVerdict | None:
        """Return the current verdict on a digest, or None when it was never judged."""

    def resolve_tag(self, registry: str, repository: str, tag: str) -> Digest | None:
        """Return the digest that a tag was last pushed with."""

    def list_current(
        self, *, status: Status | None = None, repository: str | None = None
    ) -> Iterable[CurrentVerdict]:
        """Yield current verdicts, one page at a time; `repository` is a glob."""


class Outbox(Protocol):
    """What shall be told, durably queued."""

    def announce(self, report: Report) -> None:
        """Queue a notice about this report unless it calls for none. Safe to repeat."""
