"""What every ReportStore keeps of the past."""

from dataclasses import replace
from datetime import timedelta

from scanner.model import Status
from scanner.ports import PastVerdict
from tests.contracts.stored_reports import EARLIER, LATER, OTHER, StoredReports
from tests.examples import NOW
from tests.reports import unhealthy_report, unknown_report


class ReportHistoryContract(StoredReports):
    """Each examination, whatever came of it."""

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
