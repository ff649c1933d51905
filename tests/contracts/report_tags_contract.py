"""What every ReportStore says of tags."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.model import Digest, Report, Status
from scanner.ports import TagPush
from tests.contracts.stored_reports import EARLIER, INDEX, LATER, OTHER, StoredReports
from tests.examples import NOW
from tests.reports import healthy_report, unhealthy_report


class ReportTagsContract(StoredReports):
    """Which image a tag names, and which tag an image has."""

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

    def test_tags_of_repositories_do_not_mix(self) -> None:
        """`a/b` and `a-b` and `a` are three repositories."""
        report = self._own(healthy_report())
        self.store().save(report)
        for other in ("shop-cart", "shop", "shop/cart/v7"):
            assert self.store().resolve_tag(report.image.registry, other, "v7") is None

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
