"""A worker, and who verifies what it said."""

from dataclasses import dataclass, replace

from scanner.errors import AdvisoriesError, StoreError
from scanner.model import Advisories, AppliedPolicy, Digest, ImageFacts, Report, Rulebook
from scanner.ports import ResolvedImage
from scanner.verification import Verifier
from tests.examples import IMAGE, NOW, job
from tests.policies import find
from tests.reports import AMD64
from tests.surroundings import Surroundings


@dataclass(kw_only=True)
class Worker(Surroundings):
    """A worker, and who verifies what it said with the same registry and databases."""

    has_lost_policies: bool = False
    kept: Rulebook | None = None

    def judge(self) -> Report:
        """Judge the image of the examples."""
        return self.pipeline().judge(job())

    def again(self, report: Report) -> Report:
        """Examine again what a report is about."""
        return Verifier(
            examiner=self.examiner(),
            find_advisories=self.find_advisories,
            find_rulebook=self.find_rulebook,
        ).examine_again(report)

    def find_rulebook(self, applied: AppliedPolicy) -> Rulebook:
        """Return what decided, unless nobody has kept it."""
        if self.has_lost_policies:
            raise StoreError("policies.read: it is not kept")
        return self.kept or find(applied)

    def find_advisories(self, wanted: Advisories) -> Advisories:
        """Return the one database that there is."""
        if wanted != self.scanner.database:
            raise AdvisoriesError("removed by two updates since")
        return self.scanner.database


def image_of(digest: Digest) -> ResolvedImage:
    """Return one platform's image."""
    return ResolvedImage(
        reference=replace(IMAGE, digest=digest, tag=None),
        platform=AMD64,
        manifest=b"{}",
        config=b"{}",
        facts=ImageFacts(user="app", created_at=NOW),
    )
