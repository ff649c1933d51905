"""What every ReportStore does; run on the fake and on the real one."""

import hashlib
import threading
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from scanner.model import Digest, ImageReference, Report, Status
from scanner.ports import Check, CurrentVerdict, PastVerdict, ReportStore, TagPush
from tests.examples import ADVISORIES, IMAGE, NOW
from tests.reports import (
    deleted_report,
    healthy_report,
    not_applicable_report,
    unhealthy_report,
    unknown_report,
)

INDEX = Digest("sha256:" + "1d" * 32)
OTHER = Digest("sha256:" + "e2" * 32)
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
        self,
        *,
        status: Status | None = None,
        repository: str | None = None,
        after: ImageReference | None = None,
    ) -> list[CurrentVerdict]:
        listed = self.store().list_current(status=status, repository=repository, after=after)
        return [current for current in listed if current.image.registry == self.registry()]

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
            against=Check(
                at=NOW,
                advisories=ADVISORIES.digest,
                advisories_of=NOW,
                rules=report.policy.fingerprint,
            ),
            was_tagged=True,
        )
        image = report.image
        assert self.store().resolve_tag(image.registry, image.repository, "v7") == image.digest

    def test_what_is_due_is_found_by_its_time(self) -> None:
        """Until a later examination says another time, or none."""
        report = self._own(replace(unhealthy_report(), turns_at=LATER))
        saved = self.store().save(report)
        assert saved.turns_at == LATER

        def due(now: datetime) -> list[CurrentVerdict]:
            rows = self.store().due(now)
            return [row for row in rows if row.image.registry == self.registry()]

        self.store().save(
            self._own(replace(healthy_report(), image=replace(IMAGE, digest=OTHER, tag=None)))
        )
        assert due(NOW) == []
        assert due(LATER) == [saved]
        self.store().save(self._own(healthy_report(as_of=LATER)))
        assert due(LATER) == []

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

    def _another(self, report: Report) -> Report:
        """Return the same verdict on another digest of the repository."""
        return replace(report, image=replace(report.image, digest=OTHER))

    def _shown(self, report: Report) -> tuple[str | None, bool]:
        current = self.store().current(report.image)
        assert current is not None
        return current.image.tag, current.is_untagged

    @pytest.mark.parametrize("is_in_order", [True, False])
    def test_a_tag_that_moved_is_taken_off_the_image_that_had_it(
        self, *, is_in_order: bool
    ) -> None:
        """In whatever order the pushes are judged, and when the older one is judged again."""
        old = self._own(unhealthy_report(requested_at=NOW))
        new = self._another(self._own(healthy_report(requested_at=LATER)))
        for report in [old, new, old] if is_in_order else [new, old]:
            saved = self.store().save(report)
            assert saved == self.store().current(report.image)
        assert self._shown(old) == (None, True)
        assert self._shown(new) == ("v7", False)

    def test_pushes_of_one_tag_at_the_same_time_leave_it_on_the_latest(self) -> None:
        """Eight workers, two tags that move from digest to digest: each ends on one image."""
        reports = [
            self._own(
                replace(
                    unhealthy_report(requested_at=NOW + timedelta(minutes=minute), seed=minute),
                    image=replace(self._own(unhealthy_report()).image, digest=digest, tag=tag),
                )
            )
            for tag in ("v6", "v7")
            for minute, digest in enumerate([INDEX, OTHER, Digest("sha256:" + "0a" * 32), INDEX])
        ]
        barrier = threading.Barrier(len(reports))

        def save(report: Report) -> None:
            barrier.wait(timeout=30)
            self.store().save(report)

        with ThreadPoolExecutor(len(reports)) as workers:
            list(workers.map(save, reports))
        shown = {current.image.digest: current.image.tag for current in self._list()}
        assert shown.pop(INDEX) in {"v6", "v7"}
        assert set(shown.values()) == {None}

    def test_an_image_that_lost_one_of_its_tags_shows_the_other(self) -> None:
        """Only without any is it untagged."""
        for tag, moment in (("v6", EARLIER), ("v7", NOW)):
            self.store().save(self._own(unhealthy_report(tag=tag, requested_at=moment)))
        old = self._own(unhealthy_report())
        self.store().save(self._another(self._own(healthy_report(requested_at=LATER))))
        assert self._shown(old) == ("v6", False)
        taken = replace(healthy_report(tag="v6", requested_at=LATER), id="6" * 64)
        self.store().save(self._another(self._own(taken)))
        assert self._shown(old) == (None, True)

    def test_an_image_that_lost_its_tag_takes_another(self) -> None:
        """A push between the lost one and the loss counts as well, though it is judged late."""
        self.store().save(self._own(unhealthy_report(requested_at=NOW)))
        self.store().save(self._another(self._own(healthy_report(requested_at=LATER))))
        between = NOW + timedelta(minutes=1)
        late = self._own(unhealthy_report(tag="v8", requested_at=between, seed=2))
        self.store().save(late)
        assert self._shown(late) == ("v8", False)

    def test_an_image_pushed_without_a_tag_has_lost_none(self) -> None:
        """Untagged is news; never tagged is not."""
        report = self._own(unhealthy_report(tag=None))
        self.store().save(report)
        assert self._shown(report) == (None, False)

    @pytest.mark.parametrize("is_in_order", [True, False])
    def test_a_deleted_image_leaves_the_list_and_keeps_its_history(
        self, *, is_in_order: bool
    ) -> None:
        """Also when the scan that had begun before ends after it."""
        judged = self._own(unhealthy_report(as_of=NOW))
        deleted = self._own(deleted_report(as_of=LATER))
        for report in [judged, deleted, deleted] if is_in_order else [deleted, judged]:
            self.store().save(report)
        assert self._list() == []
        assert self._list(status=Status.NOT_APPLICABLE) == []
        current = self.store().current(judged.image)
        assert current is not None
        assert (current.reason, current.report_before) == ("deleted", judged.id)
        assert self.store().find_report(judged.id) == judged
        image = judged.image
        assert self.store().resolve_tag(image.registry, image.repository, "v7") == image.digest

    def test_a_deleted_image_that_is_pushed_again_is_listed(self) -> None:
        """It is as if it had never been away."""
        self.store().save(self._own(unhealthy_report(as_of=EARLIER)))
        self.store().save(self._own(deleted_report(as_of=NOW)))
        again = self.store().save(self._own(healthy_report(as_of=LATER)))
        assert self._list() == [again]
        assert again.report_before == ""

    def test_every_examination_is_kept_the_latest_first(self) -> None:
        """Whatever came when, and whatever is current; each with the push that asked for it."""
        early = self._own(unhealthy_report(as_of=EARLIER, tag="v6", requested_at=EARLIER))
        tied = sorted((self._own(unhealthy_report(seed=n)) for n in range(2)), key=lambda r: r.id)
        late = self._own(replace(unknown_report(), as_of=LATER, finished_at=LATER))
        other = replace(early, image=replace(early.image, digest=OTHER))
        for report in (tied[1], late, other, early, tied[0], early, late):
            self.store().save(report)
        history = list(self.store().history(early.image))
        assert [past.report_id for past in history] == [late.id, tied[1].id, tied[0].id, early.id]
        assert history[0].reason == "corrupt-layer"
        assert history[-1] == PastVerdict(
            image=early.image,
            status=Status.UNHEALTHY,
            reason="",
            rule="severity-threshold",
            counts="CRITICAL=1 HIGH=1 MEDIUM=0 LOW=0 UNKNOWN=0",
            report_id=early.id,
            requested_at=EARLIER,
            as_of=EARLIER,
            finished_at=EARLIER,
        )
        current = self.store().current(early.image)
        assert current is not None
        assert current.report_id == history[0].report_id

    def test_a_later_look_with_the_same_inputs_is_an_examination_of_its_own(self) -> None:
        """It has the id of the first, whose report is kept as it was."""
        first = self._own(unhealthy_report(as_of=NOW))
        again = replace(first, as_of=LATER, finished_at=LATER + timedelta(seconds=1))
        for report in (first, again):
            self.store().save(report)
        history = list(self.store().history(first.image))
        assert [(past.report_id, past.as_of) for past in history] == [
            (first.id, LATER),
            (first.id, NOW),
        ]
        assert history[0].finished_at == LATER + timedelta(seconds=1)
        assert self.store().find_report(first.id) == first

    def test_a_verdict_that_answers_another_push_is_no_further_examination(self) -> None:
        """Who asked first stays."""
        report = self._own(unhealthy_report(tag="v6"))
        self.store().save(report)
        later_push = replace(report, image=replace(report.image, tag="v7"), requested_at=LATER)
        self.store().save(later_push)
        [past] = self.store().history(report.image)
        assert (past.image.tag, past.requested_at) == ("v6", NOW)

    def test_an_image_that_was_never_judged_has_no_history(self) -> None:
        """Nor has another digest of its repository."""
        report = self._own(unhealthy_report())
        assert list(self.store().history(report.image)) == []
        self.store().save(report)
        assert list(self.store().history(replace(report.image, digest=OTHER))) == []

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

    def test_the_list_goes_on_after_an_image(self) -> None:
        """Within its repository and into the next; the image itself need not be known."""
        report = self._own(unhealthy_report())
        for repository, digest in (("shop/cart", INDEX), ("shop/cart", OTHER), ("web", INDEX)):
            image = replace(report.image, repository=repository, digest=digest)
            self.store().save(replace(report, image=image))
        after = replace(report.image, digest=Digest("sha256:" + "80" * 32))
        listed = [
            (current.image.repository, current.image.digest)
            for current in self.store().list_current(after=after)
            if current.image.registry == self.registry()
        ]
        assert listed == [("shop/cart", OTHER), ("web", INDEX)]

    def test_an_image_that_was_not_examined_has_no_counts(self) -> None:
        """Zeros would look like a clean image."""
        current = self.store().save(self._own(unknown_report()))
        assert (current.counts, current.reason) == ("", "corrupt-layer")

    def test_the_list_goes_on_behind_an_image(self) -> None:
        """Where a run was interrupted, also if that image has no verdict."""
        for repository in ("web/app", "base", "shop/cart", "shop/api"):
            report = healthy_report()
            image = replace(report.image, repository=repository, tag=None)
            self.store().save(self._own(replace(report, image=image)))
        report = self._own(healthy_report())
        after = replace(report.image, repository="shop/cart")
        assert [row.image.repository for row in self._list(after=after)] == ["web/app"]
        nobody = replace(after, repository="shop/b")
        assert [row.image.repository for row in self._list(after=nobody)] == [
            "shop/cart",
            "web/app",
        ]

    def test_judged_is_what_has_a_verdict_and_was_not_deleted(self) -> None:
        """In this repository, among those that are asked for."""
        report = self._own(healthy_report())
        first, gone, other, never = (Digest(f"sha256:{n:064x}") for n in range(4))
        for digest, said in ((first, report), (other, report), (gone, deleted_report())):
            image = replace(report.image, digest=digest, tag=None)
            self.store().save(replace(self._own(said), id=f"j-{digest.hex}", image=image))
        image = report.image
        tagged = replace(report, id="j-tagged", image=replace(image, digest=other, tag="v7"))
        self.store().save(tagged)

        def judged(repository: str, *digests: Digest) -> dict[Digest, str | None]:
            return dict(self.store().judged(image.registry, repository, digests))

        assert judged(image.repository, first, gone, never) == {first: None}
        everything = judged(image.repository, first, gone, other, never)
        assert everything == {first: None, other: "v7"}
        assert judged("shop", first) == {}
        assert judged(image.repository) == {}

    def test_a_tag_is_known_with_the_moment_of_its_last_push(self) -> None:
        """Whichever of two pushes is judged first."""
        report = self._own(healthy_report())
        image = replace(report.image, tag="v1")
        later = replace(report, image=image, requested_at=NOW)
        moved = replace(
            later,
            id="moved",
            image=replace(image, digest=Digest.of(b"before")),
            requested_at=NOW - timedelta(hours=1),
        )
        for one in (later, moved):
            self.store().save(one)
        push = self.store().find_tag(image.registry, image.repository, "v1")
        assert push == TagPush(image=image, at=NOW)
        assert self.store().find_tag(image.registry, image.repository, "v2") is None

    def test_repositories_are_those_with_something_left_in_them(self) -> None:
        """Each once, of one registry, in the order of the keys."""
        report = self._own(healthy_report())
        for number, name in enumerate(("shop/cart", "base", "base", "gone", "shop-b")):
            image = replace(
                report.image, repository=name, digest=Digest.of(f"{number}".encode()), tag=None
            )
            said = deleted_report() if name == "gone" else report
            self.store().save(replace(self._own(said), id=f"repository-{number}", image=image))
        beside = replace(report.image, registry=f"{report.image.registry}x", repository="other")
        self.store().save(replace(report, id="beside", image=beside))
        found = list(self.store().repositories(report.image.registry))
        assert found == ["base", "shop-b", "shop/cart"]
