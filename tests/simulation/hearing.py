"""What people heard in a history, held against what they must and must not hear.

Written from the point of view of people, without the states of the machine under test.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations

from scanner.blocking import keys_of
from scanner.model import Digest, Report, Status, Stream, Transition, TransitionKind
from scanner.transitions import AHEAD, SETTLING
from scanner.voices import TOGETHER
from tests.simulation.acts import TAGS
from tests.simulation.histories import History, stream_of

_BAD = {TransitionKind.NEWLY_UNHEALTHY, TransitionKind.WORSE}


AUDIENCES = tuple(who for size in range(len(TAGS) + 1) for who in combinations(TAGS, size))
"""Who follows everything, and who follows some of the tags."""


class Hearing:
    """What was found out and what was told, once all is at rest."""

    def __init__(self, history: History, followed: Sequence[str] = ()) -> None:
        """Listen as one who follows some tags; all that there is, where none are named."""
        self.truth = history.truth
        self.made = history.made
        outbox = history.outbox
        self.news = outbox.announced
        self.is_choosy = bool(followed)
        self.told = outbox.told_to(*followed) if followed else self.news
        self.followed = [tag for tag in self.truth.tags if tag in followed or not followed]
        self.pushes = history.pushes

    def faults(self) -> Iterator[str]:
        """Yield what should not be."""
        if len({(one.stream, one.number) for one in self.told}) < len(self.told):
            yield "one transition is told in two ways"
        if not set(self.told) <= set(self.made):
            yield "something is told that never came about"
        for stream in sorted({one.stream for one in self.made}):
            yield from self._without_cause([one for one in self.made if one.stream == stream])
        yield from self._told_twice()
        for tag in self.followed:
            yield from self._left_unsaid(stream_of(tag))

    # None without a transition

    def _without_cause(self, made: list[Transition]) -> Iterator[str]:
        made = sorted(made, key=lambda one: one.number)
        if [one.number for one in made] != list(range(1, len(made) + 1)):
            yield f"{made[0].stream}: a number is missing"
        is_open = False
        for one in made:
            if not _CAUSES[one.kind](self, one, is_open=is_open):
                yield f"without a cause: {one}"
            is_open = one.kind in _BAD or (is_open and one.kind is not TransitionKind.RESOLVED)

    def _is_new(self, one: Transition, *, is_open: bool) -> bool:
        return not is_open and self._status(one) is Status.UNHEALTHY

    def _is_worse(self, one: Transition, *, is_open: bool) -> bool:
        before = self.truth.reports[one.report_before]
        return is_open and not keys_of(self._report(one)) <= keys_of(before)

    def _is_resolved(self, one: Transition, *, is_open: bool) -> bool:
        is_well = self._status(one) in {Status.HEALTHY, Status.NOT_APPLICABLE}
        return is_open and is_well and not self._is_hasty(one)

    def _is_unknown(self, one: Transition, *, is_open: bool) -> bool:
        del is_open
        return self._status(one) is Status.UNKNOWN

    def _is_ending(self, one: Transition, *, is_open: bool) -> bool:
        del is_open
        return bool(self._ends(one))

    def _is_hasty(self, one: Transition) -> bool:
        """Whether advisories alone said so, and not for long."""
        report = self._report(one)
        if one.before != one.image.digest or report.verdict.status is Status.NOT_APPLICABLE:
            return False
        bad = [
            said
            for said in self.truth.rows[one.image.digest]
            if said.verdict.status is Status.UNHEALTHY and said.as_of < one.at
        ]
        # What was said of the image while the stream named another one says nothing of the policy
        # by which people were told; that it was bad again counts for the hours all the same.
        heard = [said for said in bad if self._has_met(one.stream, said)]
        return report.policy == heard[-1].policy and one.at - SETTLING < bad[-1].as_of

    def _has_met(self, stream: Stream, said: Report) -> bool:
        """Whether a stream named an image at any time while that was said of it."""
        rows = self.truth.rows[said.image.digest]
        until = min((row.as_of for row in rows if row.as_of > said.as_of), default=self.truth.now)
        return stream.tag is None or said.image.digest in self._names(stream, said.as_of, until)

    # One of each

    def _told_twice(self) -> Iterator[str]:
        for number, one in enumerate(self.told):
            for earlier in self.told[:number]:
                if earlier.stream == one.stream or self._is_news_of_its_tag(one, earlier):
                    continue
                if self._says_again(one, earlier):
                    yield f"told twice: {earlier} and {one}"
        told = [
            (one.stream, end)
            for one in self.told
            if one.kind is TransitionKind.EXEMPTION_EXPIRING
            for end in self._ends(one)
        ]
        if len(set(told)) < len(told):
            yield f"an exemption is told to end twice: {told}"

    def _is_news_of_its_tag(self, one: Transition, earlier: Transition) -> bool:
        """Whether who chose tags hears again what is news to all, or of a finding by another."""
        if not self.is_choosy:
            return False
        is_other = one.kind is TransitionKind.WORSE and one.report_id != earlier.report_id
        return is_other or one in self.news

    def _says_again(self, one: Transition, earlier: Transition) -> bool:
        if (one.image.digest, one.kind in _BAD) != (earlier.image.digest, earlier.kind in _BAD):
            return False
        if one.kind is TransitionKind.RESOLVED is earlier.kind and one.before == earlier.before:
            if one.before == one.image.digest:
                return one.report_id == earlier.report_id
            return abs(one.at - earlier.at) < TOGETHER
        return (
            one.kind in _BAD
            and earlier.at < one.at
            and keys_of(self._report(one)) <= keys_of(self._report(earlier))
            and not self._resolved(earlier.at, one.at, one.image.digest, one.stream)
            and self._names(earlier.stream, earlier.at, one.at) == {one.image.digest}
        )

    # None lost

    def _left_unsaid(self, stream: Stream) -> Iterator[str]:
        digest = self.truth.tags[stream.name].image.digest
        report = self.truth.rows[digest][-1]
        own = [one for one in self.made if one.stream == stream]
        state = [one for one in own if one.kind in {*_BAD, TransitionKind.RESOLVED}]
        named = self._named_with(digest, stream)
        if report.verdict.status is Status.UNHEALTHY:
            since = max(
                (one.at for one in own if one.kind is TransitionKind.RESOLVED), default=None
            )
            about = [one for one in self.told if one.kind in _BAD and one.image.digest in named]
            heard = [one for one in about if since is None or one.at >= since]
            said = frozenset[str]().union(*(keys_of(self._report(one)) for one in about))
            if not heard or not keys_of(report) <= said:
                yield f"{stream}: {digest} is unhealthy and nobody was told"
        elif report.verdict.status is not Status.UNKNOWN:
            if state and state[-1].kind in _BAD:
                yield f"{stream}: {digest} is well and nobody was told"
            if state and state[-1] not in self.told and not self._is_told_with(state[-1]):
                yield f"{stream}: it was not told with others: {state[-1]}"
        elif not any(
            one.kind is TransitionKind.BECAME_UNKNOWN and one.image.digest in named
            for one in self.told
        ):
            yield f"{stream}: {digest} is unknown and nobody was told"
        for decision in report.decisions:
            end = decision.due
            if (
                end
                and end - AHEAD <= self.truth.now - SETTLING < end
                and not any(
                    decision.exemption in self._ends(one)
                    for one in self.told
                    if one.kind is TransitionKind.EXEMPTION_EXPIRING
                )
            ):
                yield f"{stream}: an exemption ends and nobody was told"

    def _named_with(self, digest: Digest, stream: Stream) -> set[Digest]:
        """Return the images of all who speak for an image to those who follow a stream."""
        tags = {push.image.tag for push in self.pushes if push.image.digest == digest}
        heard = {stream.name, *(tags & set(self.followed) if self.is_choosy else ())}
        return {push.image.digest for push in self.pushes if push.image.tag in heard}

    def _is_told_with(self, one: Transition) -> bool:
        return any(
            other.kind is one.kind
            and other.image.digest == one.image.digest
            and (one.before == one.image.digest or abs(other.at - one.at) < TOGETHER)
            for other in self.told
        )

    # What was so

    def _report(self, one: Transition) -> Report:
        return self.truth.reports[one.report_id]

    def _status(self, one: Transition) -> Status:
        return self._report(one).verdict.status

    def _ends(self, one: Transition) -> list[str]:
        return [
            decision.exemption
            for decision in self._report(one).decisions
            if decision.due and decision.due - AHEAD <= one.at < decision.due
        ]

    def _resolved(self, after: datetime, until: datetime, digest: Digest, stream: Stream) -> bool:
        return any(
            one.kind is TransitionKind.RESOLVED
            and after <= one.at <= until
            and (one.stream == stream or one.image.digest == digest)
            for one in self.made
        )

    def _names(self, stream: Stream, after: datetime, until: datetime) -> set[Digest]:
        """Return all that a stream named from one moment to another."""
        if stream.tag is None:
            return {Digest(stream.name)} if not self._is_tagged(stream, until) else set()
        pushes = [push for push in self.pushes if push.image.tag == stream.tag and push.at <= until]
        before = [push for push in pushes if push.at <= after][-1:]
        return {push.image.digest for push in [*before, *(p for p in pushes if p.at > after)]}

    def _is_tagged(self, stream: Stream, until: datetime) -> bool:
        return any(
            str(push.image.digest) == stream.name and push.at <= until for push in self.pushes
        )


_CAUSES = {
    TransitionKind.NEWLY_UNHEALTHY: Hearing._is_new,  # noqa: SLF001  its own table
    TransitionKind.WORSE: Hearing._is_worse,  # noqa: SLF001  likewise
    TransitionKind.RESOLVED: Hearing._is_resolved,  # noqa: SLF001  likewise
    TransitionKind.BECAME_UNKNOWN: Hearing._is_unknown,  # noqa: SLF001  likewise
    TransitionKind.EXEMPTION_EXPIRING: Hearing._is_ending,  # noqa: SLF001  likewise
}
