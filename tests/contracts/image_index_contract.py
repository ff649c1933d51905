"""What every ReportStore and the ImageIndex on it do for sweeps; run on fakes and real ones."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta

from scanner import lookups
from scanner.model import Digest, PassedOver, PlatformVerdict, Report
from scanner.ports import Check, ReportStore
from scanner.sweeping import ImageIndex, IndexedImage
from tests.examples import ADVISORIES, NOW
from tests.policies import APPLIED
from tests.reports import AMD64, healthy_report, unhealthy_report, unknown_report

LATER = NOW + timedelta(hours=1)
CHECK = Check(at=LATER, advisories=Digest("sha256:" + "ae" * 32), advisories_of=LATER)
TAR, ZLIB = (lookups.of_package("debian", name) for name in ("tar", "zlib"))


class ImageIndexContract(ABC):
    """Subclasses say how to get a store, an index on it, and a registry of their own."""

    @abstractmethod
    def store(self) -> ReportStore:
        """Return the store under test; each call within a test returns one on the same data."""

    @abstractmethod
    def index(self) -> ImageIndex:
        """Return the index under test, on the store's data."""

    @abstractmethod
    def registry(self) -> str:
        """Return a registry's name that belongs to this test alone."""

    def _own(self, report: Report, *looked_up: str, name: str = "image") -> Report:
        digest = Digest(f"sha256:{hashlib.sha256(name.encode()).hexdigest()}")
        image = replace(report.image, registry=self.registry(), digest=digest)
        own_id = hashlib.sha256(f"{image} {report.id}".encode()).hexdigest()
        scan = report.scan
        if scan is not None and looked_up:
            scan = replace(scan, looked_up=frozenset(looked_up))
        return replace(report, id=own_id, image=image, scan=scan)

    def _all(self, limit: int = 500) -> list[IndexedImage]:
        found: list[IndexedImage] = []
        stretch = self.index().stretch(None, limit)
        while stretch:
            found += stretch
            if len(stretch) < limit:
                break
            stretch = self.index().stretch(stretch[-1].image, limit)
        return [entry for entry in found if entry.image.registry == self.registry()]

    def test_an_image_is_listed_with_what_it_looks_up(self) -> None:
        """Packages and findings."""
        report = self._own(unhealthy_report(), TAR)
        self.store().save(report)
        [entry] = self._all()
        assert entry.image == report.image
        assert entry.status is report.verdict.status
        assert entry.against == Check(
            at=NOW, advisories=ADVISORIES.digest, advisories_of=NOW, rules=APPLIED.fingerprint
        )
        assert entry.keys == lookups.keys_of(report)
        assert entry.keys is not None
        assert len(entry.keys) == 3

    def test_an_image_that_was_not_examined_looks_up_who_knows_what(self) -> None:
        """It is never passed over."""
        self.store().save(self._own(unknown_report()))
        [entry] = self._all()
        assert entry.keys is None

    def test_an_index_looks_up_what_its_platforms_do(self) -> None:
        """Theirs are saved first."""
        platforms = [
            self._own(healthy_report(tag=None), TAR, name="amd"),
            self._own(healthy_report(tag=None), ZLIB, name="arm"),
        ]
        for report in platforms:
            self.store().save(report)
        entries = tuple(
            PlatformVerdict(
                platform=AMD64,
                digest=report.image.digest,
                verdict=report.verdict,
                report_id=report.id,
                counts={},
            )
            for report in platforms
        )
        index = replace(
            self._own(healthy_report(), name="index"),
            platforms=entries,
            scan=None,
        )
        self.store().save(index)
        keys = {entry.image.digest: entry.keys for entry in self._all()}
        assert keys[index.image.digest] == frozenset({lookups.key(TAR), lookups.key(ZLIB)})

    def test_every_image_comes_once_whatever_the_stretch(self) -> None:
        """Over several repositories, and stopped anywhere."""
        names = [f"image {number}" for number in range(5)]
        for place, name in enumerate(names):
            report = self._own(healthy_report(), TAR, name=name)
            image = replace(report.image, repository=f"shop/{'ab'[place % 2]}")
            self.store().save(replace(report, image=image))
        wanted = self._all()
        assert len(wanted) == len(names)
        assert all(entry.keys is not None for entry in wanted)
        for limit in (1, 2, 3):
            assert self._all(limit) == wanted

    def test_a_verdict_is_confirmed_without_a_report(self) -> None:
        """The row says against what, the report stays what it was."""
        report = self._own(unhealthy_report())
        saved = self.store().save(report)
        self.store().confirm(saved, CHECK)
        assert self.store().current(report.image) == replace(saved, against=CHECK)
        assert self.store().find_report(report.id) == report

    def test_what_is_passed_over_is_kept_whoever_found_it_out(self) -> None:
        """With the first report or when it was confirmed, and past one that does not know."""
        found = PassedOver(rules="ab" * 32, texts=("etc/a\u20ac: a link", "b"))
        report = self._own(unhealthy_report())
        assert report.scan is not None
        knowing = replace(report, scan=replace(report.scan, passed_over=found))
        assert self.store().save(knowing).passed_over == found
        saved = self.store().save(self._own(healthy_report(as_of=LATER)))
        assert saved.passed_over == found
        again = replace(found, texts=())
        check = replace(CHECK, at=LATER + timedelta(hours=1))
        confirmed = self.store().confirm(saved, check, again)
        assert confirmed == replace(saved, against=check, passed_over=again)
        assert self.store().current(report.image) == confirmed

    def test_a_confirmation_outlasts_the_same_report(self) -> None:
        """A push that comes again says nothing newer."""
        report = self._own(unhealthy_report())
        self.store().confirm(self.store().save(report), CHECK)
        assert self.store().save(report).against == CHECK

    def test_an_earlier_check_takes_nothing_back(self) -> None:
        """Two workers, one behind."""
        report = self._own(unhealthy_report())
        saved = self.store().save(report)
        self.store().confirm(saved, CHECK)
        self.store().confirm(saved, replace(CHECK, at=NOW + timedelta(minutes=1)))
        current = self.store().current(report.image)
        assert current is not None
        assert current.against == CHECK

    def test_what_is_not_current_any_more_is_not_confirmed(self) -> None:
        """A push came between."""
        old = self.store().save(self._own(unhealthy_report()))
        new = self._own(healthy_report(as_of=LATER))
        saved = self.store().save(new)
        self.store().confirm(old, replace(CHECK, at=LATER + timedelta(hours=1)))
        assert self.store().current(new.image) == saved
