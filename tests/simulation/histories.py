"""Histories of one repository: what happens to it, who looks when, and how far they get."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from scanner.herald import Herald
from scanner.model import (
    AppliedPolicy,
    Decision,
    Digest,
    ImageReference,
    NotApplicableReason,
    Outcome,
    Report,
    Status,
    Stream,
    Transition,
    UnknownReason,
    Verdict,
)
from scanner.ports import CurrentVerdict, ReportStore, TagPush
from scanner.transitions import SETTLING, StreamState
from tests.examples import IMAGE, NOW, finding
from tests.fakes.streams import InMemoryStreams, RecordingOutbox
from tests.policies import strict
from tests.reports import report
from tests.simulation.acts import DIGESTS, Act


class Died(BaseException):
    """The worker is gone."""


@dataclass(slots=True, kw_only=True)
class Repository:
    """The truth: what each tag names and what is said of each image; a small ReportStore."""

    now: datetime = NOW
    tags: dict[str, TagPush] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    rows: dict[Digest, list[Report]] = field(default_factory=dict)
    was_tagged: set[Digest] = field(default_factory=set)
    covered: set[Digest] = field(default_factory=set)
    call: Callable[[], None] = lambda: None

    def tags_of(self, image: ImageReference) -> Sequence[TagPush]:
        """Return the tags of an image."""
        self.call()
        named = [push for push in self.tags.values() if push.image.digest == image.digest]
        return sorted(named, key=lambda push: push.at, reverse=True)

    def find_tag(self, registry: str, repository: str, tag: str) -> TagPush | None:
        """Return what a tag names."""
        del registry, repository
        self.call()
        return self.tags.get(tag)

    def find_report(self, report_id: str) -> Report | None:
        """Return a report."""
        self.call()
        return self.reports.get(report_id)

    def current(self, image: ImageReference) -> CurrentVerdict | None:
        """Return what is said of an image."""
        self.call()
        if image.digest not in self.rows:
            return None
        last = self.rows[image.digest][-1]
        return CurrentVerdict(
            image=image,
            status=last.verdict.status,
            reason="",
            rule="",
            explanation="",
            report_id=last.id,
            as_of=last.as_of,
            platform="",
            counts="",
            part_of=DIGESTS[0] if image.digest in self.covered else None,
            was_tagged=image.digest in self.was_tagged,
        )

    def say(
        self,
        digest: Digest,
        verdict: Verdict,
        *,
        policy: AppliedPolicy,
        decisions: tuple[Decision, ...] = (),
    ) -> None:
        """Judge an image."""
        self.now += timedelta(milliseconds=1)
        said = replace(
            report(verdict, as_of=self.now, tag=None),
            image=image_of(digest),
            policy=policy,
            decisions=decisions,
        )
        self.reports[said.id] = said
        self.rows.setdefault(digest, []).append(said)


def image_of(digest: Digest) -> ImageReference:
    """Name an image."""
    return replace(IMAGE, digest=digest, tag=None)


def stream_of(name: str) -> Stream:
    """Name a stream."""
    return Stream(registry=IMAGE.registry, repository=IMAGE.repository, name=name)


def verdict_of(health: frozenset[str] | None) -> Verdict:
    """Say what an image is."""
    if health is None:
        return Verdict(
            status=Status.UNKNOWN, reason=UnknownReason.TIMEOUT, rule="r", explanation="e"
        )
    findings = tuple(replace(finding(), vulnerability=name) for name in sorted(health))
    status = Status.UNHEALTHY if findings else Status.HEALTHY
    return Verdict(status=status, rule="r", explanation="e", violations=findings)


DELETED = Verdict(
    status=Status.NOT_APPLICABLE, reason=NotApplicableReason.DELETED, rule="r", explanation="e"
)


class History:
    """A repository, those who look at it, and what people have heard."""

    def __init__(self) -> None:
        self.truth = Repository()
        self.streams = InMemoryStreams()
        self.outbox = RecordingOutbox()
        self._steps = 0
        self._act: Act | None = None
        self.herald = Herald(
            store=cast("ReportStore", self.truth),
            streams=_Stepping(self, self.streams),
            outbox=_Stepping(self, self.outbox),
            clock=self._clock,
        )
        self.truth.call = self.step
        self.policies = 0
        self.made: list[Transition] = []
        """All that came about, also what another tag had told already."""
        self.pushes: list[TagPush] = []

    def _clock(self) -> datetime:
        self.truth.now += timedelta(milliseconds=1)
        return self.truth.now

    def step(self) -> None:
        """Let happen what happens at this step of a worker."""
        act, self._steps = self._act, self._steps + 1
        if act is None or self._steps != act.step:
            return
        self._act = None
        if act.what == "die":
            raise Died
        for between in act.between:
            self.do(between)

    def do(self, act: Act) -> None:
        """Let one thing happen."""
        getattr(self, f"_{act.what}")(act)

    def rest(self) -> None:
        """Let everybody look at everything, until nothing is left that settles."""
        for digest in DIGESTS:
            self._look(Act("look", digest=digest))
        for _ in range(3):
            self.truth.now += SETTLING + timedelta(minutes=10)
            self.herald.wake()

    # What happens

    def _push(self, act: Act) -> None:
        now = self._clock()
        image = replace(image_of(act.digest), tag=act.tag)
        verdicts = self.truth.rows.get(act.digest)
        if verdicts is None or verdicts[-1].verdict is DELETED:
            self.truth.say(act.digest, verdict_of(act.health), policy=self._policy())
        self.truth.tags[act.tag] = TagPush(image=image, at=now)
        self.pushes.append(self.truth.tags[act.tag])
        self.truth.was_tagged.add(act.digest)
        self._look(act)

    def _push_digest(self, act: Act) -> None:
        self.truth.say(act.digest, verdict_of(act.health), policy=self._policy())
        self._look(act)

    def _index(self, act: Act) -> None:
        if act.digest != DIGESTS[0] and DIGESTS[0] in self.truth.rows:
            self.truth.covered.add(act.digest)

    def _news(self, act: Act) -> None:
        """Advisories say something else of an image."""
        if self._is_there(act.digest):
            self.truth.say(act.digest, verdict_of(act.health), policy=self._policy())
            self._look(act)

    def _exempt(self, act: Act) -> None:
        """Somebody lets everything pass, for a while; and the policy is another one."""
        if not self._is_there(act.digest):
            return
        self.policies += 1
        decision = Decision(
            subject=finding(),
            outcome=Outcome.ACCEPTED,
            rule="r",
            exemption=f"e{self.policies}",
            due=self.truth.now + timedelta(hours=24 + act.hours * 10),
        )
        self.truth.say(
            act.digest, verdict_of(frozenset()), decisions=(decision,), policy=self._policy()
        )
        self._look(act)

    def _delete(self, act: Act) -> None:
        if self._is_there(act.digest):
            self.truth.say(act.digest, DELETED, policy=self._policy())
            self._look(act)

    def _wait(self, act: Act) -> None:
        self.truth.now += timedelta(hours=act.hours)

    def _look(self, act: Act) -> None:
        named = self.truth.tags.get(act.tag)
        tag = act.tag if named and act.what == "push" else None
        self.herald.observe(replace(image_of(act.digest), tag=tag))

    def _wake(self, act: Act) -> None:
        del act
        self.herald.wake()

    def _die(self, act: Act) -> None:
        self._disturbed(act)

    def _meet(self, act: Act) -> None:
        self._disturbed(act)

    def _disturbed(self, act: Act) -> None:
        self._steps, self._act = 0, act
        try:
            self.herald.observe(image_of(act.digest))
        except Died:
            pass
        finally:
            self._act = None

    def _is_there(self, digest: Digest) -> bool:
        return digest in self.truth.rows and self.truth.rows[digest][-1].verdict is not DELETED

    def _policy(self) -> AppliedPolicy:
        return strict(max_advisory_age_hours=72 + self.policies).applied(tag=None)


class _Stepping:
    """Hands calls on, each a step before and one after."""

    def __init__(self, history: History, inner: object) -> None:
        self._history, self._inner = history, inner

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the port has
        method = getattr(self._inner, name)

        def stepping(*arguments: object, **options: object) -> object:
            self._history.step()
            result = method(*arguments, **options)
            if isinstance(result, StreamState):
                made = self._history.made
                made += [one for one in result.pending if one not in made]
            self._history.step()
            return result

        return stepping
