"""What every Outbox does; run on the fake and on the real one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import pytest

from scanner.model import Report, Transition, TransitionKind
from scanner.ports import Outbox
from tests.reports import transition_by, unhealthy_report, unknown_report


class OutboxContract(ABC):
    """Subclasses say how to get an outbox, and what it would tell."""

    @abstractmethod
    def outbox(self) -> Outbox:
        """Return the outbox under test; each call within a test returns one on the same data."""

    @abstractmethod
    def own(self, report: Report) -> Report:
        """Store a report where the outbox's notices are composed; return it as it is there."""

    @abstractmethod
    def announce_from_threads(self, transition: Transition, threads: int) -> None:
        """Announce the same transition from several workers at once."""

    @abstractmethod
    def told(self) -> Sequence[str]:
        """Return the report ids that people are told of, after everything was delivered."""

    def test_a_transition_is_told_once_however_often_it_is_announced(self) -> None:
        """Whoever crashes announces it again."""
        report = self.own(unhealthy_report())
        for _ in range(3):
            self.outbox().announce(transition_by(report))
        assert self.told() == [report.id]
        self.outbox().announce(transition_by(report))
        assert self.told() == [report.id]

    @pytest.mark.parametrize("kind", TransitionKind)
    def test_every_kind_is_told(self, kind: TransitionKind) -> None:
        """To whomever it concerns."""
        report = self.own(unknown_report())
        self.outbox().announce(transition_by(report, kind))
        assert self.told() == [report.id]

    def test_each_transition_of_a_stream_is_told(self) -> None:
        """Equal as they may be: what is unhealthy once more is no repeat."""
        report = self.own(unhealthy_report())
        for number in (1, 2, 3):
            self.outbox().announce(transition_by(report, number=number))
        assert self.told() == [report.id] * 3

    def test_streams_are_told_apart(self) -> None:
        """By tag and repository."""
        here = self.own(unhealthy_report())
        there = replace(here, image=replace(here.image, repository="web/app"))
        other = replace(here, image=replace(here.image, tag="v8"))
        for report in (here, there, other):
            self.outbox().announce(transition_by(report))
        assert self.told() == [here.id] * 3

    def test_what_others_have_said_is_no_news_to_who_chose_no_tag(self) -> None:
        """Whoever they are."""
        report = self.own(unhealthy_report())
        for number, known_by in enumerate([{"v6"}, set[str]()], start=1):
            made = transition_by(report, number=number)
            self.outbox().announce(made, known_by=frozenset(known_by))
        assert self.told() == []

    def test_workers_at_the_same_time_tell_once(self) -> None:
        """Two workers may judge one push when a lease ran out."""
        report = self.own(unhealthy_report())
        self.announce_from_threads(transition_by(report), 4)
        assert self.told() == [report.id]
