"""What every ReportStore does; run on the fake and on the real one."""

import hashlib
import threading
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta

from scanner.model import Digest, ImageReference, Report, Status
from scanner.ports import Check, CurrentVerdict, ReportStore
from tests.examples import ADVISORIES, NOW
from tests.reports import healthy_report, not_applicable_report, unhealthy_report, unknown_report

INDEX = Digest("sha256:" + "1d" * 32)
LATER = NOW + timedelta(hours=1)
EARLIER = NOW - timedelta(hours=1)


class ReportStoreContract(ABC):
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
        self, *, status: Status | None = None, repository: str | None = None
    ) -> list[CurrentVerdict]:
        return [
            current
            for current in self.store().list_current(status=status, repository=repository)
            if current.image.registry == self.registry()
        ]

    def test_nothing_is_known_before_the_first_save(self) -> None:
        """An empty store answers None and lists nothing; it does not fail."""
        image = self._own(healthy_report()).image
        assert self.store().current(image) is None
        assert self.store().find_report("0" * 64) is None
        assert self.store().resolve_tag(image.registry, image.repository, "v7") is None
        assert self._list() == []

    def test_a_saved_report_is_found_as_it_was(self) -> None:
        """Report, current verdict and tag are there after one save, by another client too."""
        report = self._own(unhealthy_report())
        saved = self.store().save(report)
        assert self.store().find_report(report.id) == report
        assert self.store().current(report.image) == saved
        assert saved == CurrentVerdict(
            image=report.image,
            status=Status.UNHEALTHY,
            reason="",
            rule=report.verdict.rule,
            explanation=report.verdict.explanation,
            report_id=report.id,
            as_of=report.as_of,
            platform="linux/amd64",
            counts="CRITICAL=1 HIGH=1 MEDIUM=0 LOW=0 UNKNOWN=0",
            against=Check(at=NOW, advisories=ADVISORIES.digest, advisories_of=NOW),
        )
        image = report.image
        assert self.store().resolve_tag(image.registry, image.repository, "v7") == image.digest

    def test_saving_again_changes_nothing(self) -> None:
        """The queue repeats; a repeat is the same as once."""
        report = self._own(unhealthy_report())
        first = self.store().save(report)
        assert self.store().save(report) == first
        assert self._list() == [first]

    def test_an_earlier_examination_never_replaces_a_later_one(self) -> None:
        """The order of arrival does not matter, the order of examination does."""
        later = self._own(healthy_report(as_of=LATER))
        earlier = self._own(unhealthy_report(as_of=NOW))
        self.store().save(later)
        assert self.store().save(earlier).report_id == later.id
        current = self.store().current(later.image)
        assert current is not None
        assert current.status is Status.HEALTHY
        assert self.store().find_report(earlier.id) == earlier

    def test_a_later_examination_replaces_an_earlier_one(self) -> None:
        """A new look at the image decides."""
        earlier = self._own(unhealthy_report(as_of=NOW))
        later = self._own(healthy_report(as_of=LATER))
        self.store().save(earlier)
        assert self.store().save(later).report_id == later.id
        assert [current.report_id for current in self._list()] == [later.id]

    def test_writers_at_the_same_time_end_in_the_latest(self) -> None:
        """Four threads save four examinations each; whoever comes last in time, the latest wins."""
        reports = [
            self._own(unhealthy_report(as_of=NOW + timedelta(minutes=minute), seed=minute))
            for minute in range(16)
        ]
        barrier = threading.Barrier(4)
        failures: list[BaseException] = []

        def save(own: list[Report]) -> None:
            store = self.store()
            barrier.wait(timeout=30)
            try:
                for report in own:
                    store.save(report)
            except BaseException as error:
                failures.append(error)
                raise

        threads = [threading.Thread(target=save, args=(reports[n::4][::-1],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert failures == []
        current = self.store().current(reports[0].image)
        assert current is not None
        assert current.report_id == reports[-1].id

    def test_examinations_at_one_time_end_in_the_same_whatever_the_order(self) -> None:
        """A tie has one winner, so that two workers cannot disagree."""
        one, two = (self._own(unhealthy_report(seed=seed)) for seed in (1, 2))
        other = replace(one.image, repository="shop/other")
        self.store().save(one)
        self.store().save(two)
        self.store().save(replace(two, image=other))
        self.store().save(replace(one, image=other))
        first, second = self.store().current(one.image), self.store().current(other)
        assert first is not None
        assert second is not None
        assert first.report_id == second.report_id

    def test_the_index_of_an_image_is_kept(self) -> None:
        """A later save that knows of no index does not take the image out of its index."""
        child = self._own(unhealthy_report(tag=None))
        assert self.store().save(child, part_of=INDEX).part_of == INDEX
        later = self._own(healthy_report(as_of=LATER, tag=None))
        assert self.store().save(later).part_of == INDEX

    def test_the_index_is_added_to_what_is_there(self) -> None:
        """The index is judged after its images, and may carry an older examination of them."""
        later = self._own(healthy_report(as_of=LATER, tag=None))
        self.store().save(later)
        current = self.store().save(self._own(unhealthy_report(tag=None)), part_of=INDEX)
        assert (current.part_of, current.report_id) == (INDEX, later.id)

    def test_a_tag_follows_the_later_push(self) -> None:
        """A tag that moved stays moved when the older push is examined late."""
        old = self._own(unhealthy_report(requested_at=NOW, as_of=LATER))
        new = self._own(healthy_report(requested_at=LATER, as_of=LATER))
        new = replace(new, image=replace(new.image, digest=Digest("sha256:" + "e2" * 32)))
        self.store().save(new)
        self.store().save(old)
        image = new.image
        assert self.store().resolve_tag(image.registry, image.repository, "v7") == image.digest

    def test_an_image_keeps_its_newest_tag(self) -> None:
        """Neither an untagged push nor a late examination of an older one takes the name away."""
        for report in (
            unhealthy_report(tag="v7", requested_at=NOW, as_of=NOW),
            unhealthy_report(tag="v8", requested_at=LATER, as_of=EARLIER, seed=2),
            healthy_report(tag=None, requested_at=LATER + timedelta(hours=1), as_of=LATER),
        ):
            self.store().save(self._own(report))
        current = self.store().current(self._own(healthy_report()).image)
        assert current is not None
        assert (current.image.tag, current.status) == ("v8", Status.HEALTHY)

    def test_tags_of_repositories_do_not_mix(self) -> None:
        """`a/b` and `a-b` and `a` are three repositories."""
        report = self._own(healthy_report())
        self.store().save(report)
        for other in ("shop-cart", "shop", "shop/cart/v7"):
            assert self.store().resolve_tag(report.image.registry, other, "v7") is None

    def test_the_list_is_filtered_and_in_order(self) -> None:
        """By verdict, by a glob over the repository, or both; always in the order of names."""
        for repository, report in (
            ("web/app", unhealthy_report()),
            ("shop/cart", healthy_report()),
            ("shop/api", unhealthy_report()),
            ("charts/shop", not_applicable_report()),
            ("base", unknown_report()),
        ):
            image = ImageReference(
                registry=self.registry(), repository=repository, digest=report.image.digest
            )
            self.store().save(self._own(replace(report, image=image)))

        def names(*, status: Status | None = None, repository: str | None = None) -> list[str]:
            listed = self._list(status=status, repository=repository)
            return [current.image.repository for current in listed]

        assert names() == ["base", "charts/shop", "shop/api", "shop/cart", "web/app"]
        assert names(status=Status.UNHEALTHY) == ["shop/api", "web/app"]
        assert names(repository="shop/*") == ["shop/api", "shop/cart"]
        assert names(status=Status.UNHEALTHY, repository="shop/*") == ["shop/api"]
        assert names(repository="*shop*") == ["charts/shop", "shop/api", "shop/cart"]
        assert names(repository="SHOP/*") == []

    def test_an_image_that_was_not_examined_has_no_counts(self) -> None:
        """Zeros would look like a clean image."""
        current = self.store().save(self._own(unknown_report()))
        assert (current.counts, current.reason) == ("", "corrupt-layer")
