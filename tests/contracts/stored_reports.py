"""What the contracts of a ReportStore begin with."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta

from scanner.model import Digest, ImageReference, Report, Status
from scanner.ports import CurrentVerdict, ReportStore
from tests.examples import NOW

INDEX = Digest("sha256:" + "1d" * 32)
OTHER = Digest("sha256:" + "e2" * 32)
LATER = NOW + timedelta(hours=1)
EARLIER = NOW - timedelta(hours=1)


class StoredReports(ABC):
    """Subclasses say how to get a store and a registry's name that no other test uses."""

    @abstractmethod
    def store(self) -> ReportStore:
        """Return the store under test; each call within a test returns one on the same data."""

    @abstractmethod
    def registry(self) -> str:
        """Return a registry's name that belongs to this test alone."""

    def _own(self, report: Report) -> Report:
        image = replace(report.image, registry=self.registry())
        own_id = hashlib.sha256(f"{self.registry()} {report.id}".encode()).hexdigest()
        return replace(report, id=own_id, image=image)

    def _list(
        self,
        *,
        status: Status | None = None,
        repository: str | None = None,
        after: ImageReference | None = None,
    ) -> list[CurrentVerdict]:
        listed = self.store().list_current(status=status, repository=repository, after=after)
        return [current for current in listed if current.image.registry == self.registry()]
