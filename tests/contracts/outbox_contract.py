"""What every Outbox does; run on the fake and on the real one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner.model import Report, UnknownReason
from scanner.ports import Outbox
from tests.examples import NOW
from tests.reports import (
    deleted_report,
    healthy_report,
    not_applicable_report,
    unhealthy_report,
    unknown_report,
)


class OutboxContract(ABC):
    """Subclasses say how to get an outbox, and what it would tell."""

    @abstractmethod
    def outbox(self) -> Outbox:
        """Return the outbox under test; each call within a test returns one on the same data."""

    @abstractmethod
    def announce_from_threads(self, report: Report, threads: int) -> None:
        """Announce the same report from several workers at once."""

    @abstractmethod
    def told(self) -> Sequence[str]:
        """Return the report ids that people are told of, after everything was delivered."""

    def test_an_unhealthy_image_is_told_of(self) -> None:
        """That is what Pushscan is for."""
        report = unhealthy_report()
        self.outbox().announce(report)
        assert self.told() == [report.id]

    def test_an_unknown_image_is_told_of(self) -> None:
        """Whoever runs Pushscan has to mend something."""
        report = unknown_report()
        self.outbox().announce(report)
        assert self.told() == [report.id]

    def test_nothing_is_said_of_healthy_images_and_signatures(self) -> None:
        """No news."""
        self.outbox().announce(healthy_report())
        self.outbox().announce(not_applicable_report())
        assert self.told() == []

    def test_the_same_verdict_on_the_same_digest_is_told_once(self) -> None:
        """Whatever the tag, the event or the scan it came from."""
        first = unhealthy_report()
        self.outbox().announce(first)
        self.outbox().announce(first)
        self.outbox().announce(unhealthy_report(tag="v8", seed=1))
        assert self.told() == [first.id]

    def test_another_verdict_on_the_same_digest_is_told(self) -> None:
        """Another reason to act on."""
        reports = [
            unhealthy_report(),
            unknown_report(UnknownReason.TIMEOUT),
            unknown_report(UnknownReason.CORRUPT_LAYER),
        ]
        told: Sequence[str] = ()
        for minutes, report in enumerate(reports):
            self.outbox().announce(replace(report, as_of=NOW + timedelta(minutes=minutes)))
            told = self.told()
        assert sorted(told) == sorted(report.id for report in reports)

    def test_a_deleted_image_that_was_told_of_is_resolved_once(self) -> None:
        """Nobody needs to mend what is gone."""
        unhealthy, gone = unhealthy_report(), deleted_report(as_of=NOW + timedelta(hours=1))
        self.outbox().announce(unhealthy)
        assert self.told() == [unhealthy.id]
        for _ in range(2):
            self.outbox().announce(gone)
        assert self.told() == [unhealthy.id, gone.id]

    @pytest.mark.parametrize("before", [healthy_report(), unknown_report()])
    def test_a_deleted_image_that_was_not_told_to_be_unhealthy_is_no_news(
        self, before: Report
    ) -> None:
        """There is nothing to take back."""
        self.outbox().announce(before)
        told = list(self.told())
        self.outbox().announce(deleted_report(as_of=NOW + timedelta(hours=1)))
        assert self.told() == told

    def test_an_image_that_is_unhealthy_again_after_its_deletion_is_told_again(self) -> None:
        """Or whoever pushes, deletes and pushes again would go unheard."""
        reports = [
            unhealthy_report(),
            deleted_report(as_of=NOW + timedelta(hours=1)),
            unhealthy_report(as_of=NOW + timedelta(hours=2), seed=1),
            deleted_report(as_of=NOW + timedelta(hours=3)),
        ]
        told: Sequence[str] = ()
        for report in reports:
            self.outbox().announce(report)
            told = self.told()
        assert told == [report.id for report in reports]

    def test_the_same_digest_in_another_repository_is_told(self) -> None:
        """Other people own it."""
        here = unhealthy_report()
        there = unhealthy_report(seed=1)
        there = replace(there, image=replace(there.image, repository="web/app"))
        self.outbox().announce(here)
        self.outbox().announce(there)
        assert sorted(self.told()) == sorted([here.id, there.id])

    def test_workers_at_the_same_time_tell_once(self) -> None:
        """Two workers may judge one push when a lease ran out."""
        report = unhealthy_report()
        self.announce_from_threads(report, 4)
        assert self.told() == [report.id]
