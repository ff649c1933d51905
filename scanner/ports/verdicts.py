"""Reports, and what is said of each image."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scanner.model import (
    Digest,
    ImageReference,
    PassedOver,
    Report,
    Status,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a verdict was last held against, and still stood."""

    at: datetime
    advisories: Digest
    advisories_of: datetime
    rules: Digest | None = None
    """Fingerprint of policy, exemptions and exploits."""


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
    against: Check | None = None
    """None where advisories did not matter. Of an index: what its platforms were held against."""
    was_tagged: bool = False
    """Whether a tag has ever named this digest; without one now, it moved to another digest."""
    report_before: str = ""
    """Of a deleted image: the report that said what it was before."""
    turns_at: datetime | None = None
    """When time alone may change a decision, so that the image must be judged again."""
    passed_over: PassedOver | None = None
    """What the scanner does not read of the image, once that was found out."""

    @property
    def is_untagged(self) -> bool:
        """Whether the image has lost its last tag to others."""
        return self.was_tagged and self.image.tag is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVerdict:
    """One examination of an image, whether or not its verdict is current still."""

    image: ImageReference
    """With the tag of the push that asked for it, if it had one."""
    status: Status
    reason: str
    rule: str
    counts: str
    """As in CurrentVerdict."""
    report_id: str
    """Of the report, which an examination before with the same inputs may have written."""
    requested_at: datetime
    as_of: datetime
    finished_at: datetime
    """When the verdict was reached; nobody knew it earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPush:
    """The last push of a tag."""

    image: ImageReference
    at: datetime


class ReportStore(Protocol):
    """Reports (immutable, by id), the current verdict of each image, and those before."""

    def find_report(self, report_id: str) -> Report | None:
        """Return a stored report, or None when there is none of that id."""

    def save(self, report: Report, *, part_of: Digest | None = None) -> CurrentVerdict:
        """Store the report, then make it current unless a later one is. Safe to repeat.

        Returns what is current afterwards. Raises StoreError.
        """

    def confirm(
        self, current: CurrentVerdict, check: Check, passed_over: PassedOver | None = None
    ) -> CurrentVerdict | None:
        """Note that a verdict still stands, unless another report or a later check is current.

        With it what was found to be passed over, if it was. Returns what is current afterwards.
        """

    def current(self, image: ImageReference) -> CurrentVerdict | None:
        """Return the current verdict on a digest, or None when it was never judged."""

    def history(self, image: ImageReference) -> Iterable[PastVerdict]:
        """Yield every examination of a digest, in the order of `current`: the latest first."""

    def resolve_tag(self, registry: str, repository: str, tag: str) -> Digest | None:
        """Return the digest that a tag was last pushed with."""

    def find_tag(self, registry: str, repository: str, tag: str) -> TagPush | None:
        """Return the last push of a tag, or None when there was none."""

    def tags_of(self, image: ImageReference) -> Sequence[TagPush]:
        """Return the pushes by which tags name this digest, the latest first."""

    def repositories(self, registry: str) -> Iterable[str]:
        """Yield those that have a current verdict other than that it was deleted."""

    def list_current(
        self,
        *,
        status: Status | None = None,
        repository: str | None = None,
        after: ImageReference | None = None,
    ) -> Iterable[CurrentVerdict]:
        """Yield current verdicts, one page at a time, those on deleted images left out.

        `repository` is a glob.

        With `after` those that come after that image, whether or not it has a verdict.
        """

    def due(self, now: datetime) -> Iterable[CurrentVerdict]:
        """Yield current verdicts whose time to be judged again has come."""

    def judged(
        self, registry: str, repository: str, digests: Collection[Digest]
    ) -> Mapping[Digest, str | None]:
        """Return those that have a current verdict other than that they were deleted.

        With the tag that each shows.
        """
