"""What every ReportStore does; run on the fake and on the real one."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

from scanner.model import Report, Status
from scanner.ports import Check, CurrentVerdict
from tests.contracts.report_history_contract import ReportHistoryContract
from tests.contracts.report_list_contract import ReportListContract
from tests.contracts.report_tags_contract import ReportTagsContract
from tests.contracts.stored_reports import INDEX, LATER, OTHER
from tests.examples import ADVISORIES, IMAGE, NOW
from tests.reports import healthy_report, unhealthy_report


class ReportStoreContract(ReportTagsContract, ReportListContract, ReportHistoryContract):
    """A report and its verdict, saved and found; and what is said of tags, lists and history."""

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
