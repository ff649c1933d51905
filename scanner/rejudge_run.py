"""What a job of re-judging goes by, and what is left of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from scanner.herald import Standing
from scanner.kept_images import Kept, KeptImages
from scanner.model import Advisories, Digest, ImageReference, Report, Rulebook, Scanner
from scanner.ports import Check
from scanner.publishing import Publisher
from scanner.rejudge_messages import RejudgeJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Images of a job that it has not brought to their end."""

    to_pull: tuple[ImageReference, ...] = ()
    alone: tuple[ImageReference, ...] = ()

    @classmethod
    def of(cls, rests: Iterable[Self]) -> Self:
        """Put together what is left of each image."""
        all_rests = list(rests)
        return cls(
            to_pull=tuple(image for rest in all_rests for image in rest.to_pull),
            alone=tuple(image for rest in all_rests for image in rest.alone),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is the same for everything that one job judges, and how far a part of it has come."""

    job: RejudgeJob
    as_of: datetime
    scanner: Scanner
    rulebook: Rulebook
    publisher: Publisher
    images: KeptImages
    judged: dict[ImageReference, Report | None] = field(default_factory=dict)
    """What stands of each image now: a platform may be named, and listed in an index, too."""
    confirmed: dict[ImageReference, Standing] = field(default_factory=dict)
    """What was read of each image as it was confirmed."""

    def part(self) -> Self:
        """Return the same for other images."""
        return replace(self, images=self.images.others(), judged={}, confirmed={})

    @property
    def advisories(self) -> Advisories:
        """The advisories of the run."""
        return self.images.advisories

    def tag_of(self, kept: Kept) -> str | None:
        """Return what rules on tags go by. Raises StoreError."""
        return self.publisher.tag_of(kept.current.image, self.rulebook)

    def rules(self, kept: Kept) -> Digest:
        """Name all that decides on an image beside the advisories. Raises StoreError."""
        return self.rulebook.applied(tag=self.tag_of(kept)).fingerprint

    def check(self, kept: Kept) -> Check:
        """Return what the verdict on an image was held against. Raises StoreError."""
        return Check(
            at=self.as_of,
            advisories=self.advisories.digest,
            advisories_of=self.advisories.updated_at,
            rules=self.rules(kept),
        )

    def has_same_scanner(self, report: Report) -> bool:
        """Whether this very scanner has seen the image."""
        return report.scanner is not None and report.scanner.digest == self.scanner.digest

    def is_past(self, kept: Kept) -> bool:
        """Whether the image was judged by what is current here, or by something newer."""
        against = kept.current.against
        if against is None:
            return False
        if against.advisories_of > self.advisories.updated_at and not self.job.may_be_older:
            return True
        turns_at = kept.current.turns_at
        return (
            against.advisories == self.advisories.digest
            and against.rules == self.rules(kept)
            and (turns_at is None or self.as_of < turns_at)
            and self.has_same_scanner(kept.report)
        )
