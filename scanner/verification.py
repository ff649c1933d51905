"""A report -> what an examination of the same image with the same inputs says now.

Nothing is published. What is found out about layers on the way is kept, as after any examination.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from scanner.errors import AdvisoriesError, StoreError, VerificationError
from scanner.examination import Examiner
from scanner.judging import judged, judged_index, platform_verdict
from scanner.model import (
    Advisories,
    AppliedPolicy,
    Digest,
    NotApplicable,
    NotApplicableReason,
    PlatformVerdict,
    Report,
    Rulebook,
    Scanner,
    Unexaminable,
    UnknownReason,
)
from scanner.pipeline import NESTED_INDEX
from scanner.ports import IndexEntry, ResolvedImage, ResolvedIndex

logger = logging.getLogger(__name__)

_OF_THE_OCCASION = {
    UnknownReason.ABANDONED: "nothing was examined: the job was given up",
    NotApplicableReason.DELETED: "it tells that the registry had no such manifest at that time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Examines again. Safe to use from several threads."""

    examiner: Examiner
    find_advisories: Callable[[Advisories], Advisories]
    """Returns the database of this digest, complete. Raises AdvisoriesError: it is not at hand."""
    find_rulebook: Callable[[AppliedPolicy], Rulebook]
    """Returns what decided then. Raises StoreError: it is not at hand."""

    def examine_again(self, report: Report) -> Report:
        """Return the report that the same inputs give now, as of the same time.

        Raises:
            VerificationError: the database or the image is gone, the scanner is another one, or
                the report is about no examination.
            PushscanError: our own faults, as in any examination.
        """
        if report.verdict.reason in _OF_THE_OCCASION:
            why = _OF_THE_OCCASION[report.verdict.reason]
            raise VerificationError(f"report {report.id} cannot be repeated: {why}")
        begun, rulebook = self._begun(report), self._rulebook(report)
        resolved = self.examiner.registry.resolve(report.image)
        if isinstance(resolved, NotApplicable) and resolved.reason is NotApplicableReason.DELETED:
            raise VerificationError(f"the registry no longer has {report.image}")
        if isinstance(resolved, ResolvedIndex):
            again = self._examine_index(begun, resolved, rulebook)
        else:
            again = self._examine(begun, resolved, rulebook)
        logger.info("report.repeated id=%s as=%s", report.id, again.id)
        return again

    def _begun(self, report: Report) -> Report:
        """Return a report without any result: its occasion and its inputs."""
        scanner = self.examiner.scanner.describe()
        if report.scanner is not None and _binary(report.scanner) != _binary(scanner):
            raise VerificationError(
                f"report {report.id} was made by {_described(report.scanner)},"
                f" and here is {_described(scanner)}"
            )
        return replace(
            report,
            scanner=scanner,
            advisories=self._advisories(report),
            platform=None,
            scan=None,
            platforms=(),
            config_digest=None,
            layers=(),
            facts=None,
            lineage=None,
            decisions=(),
            remedies=(),
            turns_at=None,
        )

    def _rulebook(self, report: Report) -> Rulebook:
        try:
            return self.find_rulebook(report.policy)
        except StoreError as error:
            raise VerificationError(
                f"the policy {report.policy.name} ({report.policy.digest}) is not at hand: {error}"
            ) from error

    def _advisories(self, report: Report) -> Advisories:
        if report.advisories is None:
            # Nothing was looked up; should there be an image after all, the difference is found.
            return self.examiner.scanner.advisories()
        try:
            return self.find_advisories(report.advisories)
        except AdvisoriesError as error:
            raise VerificationError(
                f"the advisory database {report.advisories.digest} of"
                f" {report.advisories.updated_at:%Y-%m-%d %H:%M} UTC is not at hand: {error}"
            ) from error

    def _examine(
        self,
        begun: Report,
        resolved: ResolvedImage | NotApplicable | Unexaminable,
        rulebook: Rulebook,
    ) -> Report:
        if isinstance(resolved, ResolvedImage):
            return self._examine_image(begun, resolved, rulebook)
        return judged(begun, resolved, rulebook)

    def _examine_image(self, begun: Report, image: ResolvedImage, rulebook: Rulebook) -> Report:
        advisories = begun.advisories
        if advisories is None:
            raise ValueError("a report is begun with advisories")
        examination = self.examiner.examine(image, advisories=advisories)
        consists_of = replace(
            begun,
            platform=image.platform,
            config_digest=Digest.of(image.config),
            facts=image.facts,
            layers=examination.diff_ids,
        )
        return judged(consists_of, examination.seen, rulebook)

    def _examine_index(self, begun: Report, index: ResolvedIndex, rulebook: Rulebook) -> Report:
        platforms = [self._examine_platform(begun, one, rulebook) for one in index.children]
        return judged_index(begun, platforms, rulebook)

    def _examine_platform(
        self, begun: Report, entry: IndexEntry, rulebook: Rulebook
    ) -> PlatformVerdict:
        resolved = self.examiner.registry.resolve(entry.reference)
        if isinstance(resolved, ResolvedIndex):
            resolved = NESTED_INDEX
        report = self._examine(replace(begun, image=entry.reference), resolved, rulebook)
        return platform_verdict(entry.platform, report)


def _binary(scanner: Scanner) -> tuple[str, str, Digest]:
    return scanner.name, scanner.version, scanner.digest


def _described(scanner: Scanner) -> str:
    return f"{scanner.name} {scanner.version} ({scanner.digest})"
