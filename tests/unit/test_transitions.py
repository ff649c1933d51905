from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanner.model import Digest, Status, Stream, TransitionKind
from scanner.transitions import AHEAD, SETTLING, Observation, StreamState, advance, follow
from tests.examples import IMAGE, NOW
from tests.simulation.acts import DIGESTS, HEALTHS, SIMPLE, TAGS, Act
from tests.simulation.hearing import AUDIENCES, Hearing
from tests.simulation.histories import History

HOUR = timedelta(hours=1)
STREAM = Stream(registry=IMAGE.registry, repository=IMAGE.repository, name="v7")
OTHER = Digest.of(b"another image")
NEW, WORSE, RESOLVED = (
    TransitionKind.NEWLY_UNHEALTHY,
    TransitionKind.WORSE,
    TransitionKind.RESOLVED,
)
UNKNOWN, EXPIRING = TransitionKind.BECAME_UNKNOWN, TransitionKind.EXEMPTION_EXPIRING


class Follower:
    """Sees a stream again and again, and notes what is news."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.state: StreamState | None = None
        self.now = NOW
        self.digest = IMAGE.digest
        self.pushed_at = NOW

    def see(self, blocking: str | None, **changes: object) -> list[TransitionKind]:
        """See what blocks, None for unknown; return what is news."""
        self.now += timedelta(seconds=1)
        status = Status.UNKNOWN if blocking is None else Status.HEALTHY
        begun = Observation(
            stream=STREAM,
            image=replace(IMAGE, digest=self.digest),
            pushed_at=self.pushed_at,
            as_of=self.now,
            report_id=f"report at {self.now}",
            status=Status.UNHEALTHY if blocking else status,
            blocking=frozenset(blocking or ""),
        )
        return self.take(replace(begun, **changes))  # type: ignore[arg-type]

    def take(self, seen: Observation) -> list[TransitionKind]:
        """See something; return what is news."""
        number = self.state.number if self.state else 0
        self.state = follow(self.state, seen, self.now)
        return [one.kind for one in self.state.pending if one.number > number]

    def push(self, name: str, blocking: str | None) -> list[TransitionKind]:
        """See that the tag was given to an image."""
        self.digest, self.pushed_at = Digest.of(name.encode()), self.now
        return self.see(blocking)

    def wait(self, duration: timedelta) -> None:
        """Let time pass."""
        self.now += duration


@pytest.fixture
def follower() -> Follower:
    """Return one that has seen nothing."""
    return Follower()


def test_an_image_turns_unhealthy_and_worse_and_is_told_of_each_finding_once(
    follower: Follower,
) -> None:
    """Still unhealthy is no news, nor is what is there no longer while something else is."""
    told = [follower.see(blocking) for blocking in ("", "a", "a", "ab", "b", "ab", "abc")]
    assert told == [[], [NEW], [], [WORSE], [], [], [WORSE]]


def test_a_push_of_a_healthy_image_resolves_at_once(follower: Follower) -> None:
    """Somebody has seen to it."""
    assert follower.see("a") == [NEW]
    assert follower.push("mended", "") == [RESOLVED]
    assert follower.push("spoiled", "a") == [NEW]


def test_a_push_of_what_is_as_bad_is_no_news(follower: Follower) -> None:
    """What it no longer has is mended: once it is back it is news."""
    assert follower.see("ab") == [NEW]
    assert follower.push("second", "b") == []
    assert follower.push("third", "ab") == [WORSE]


def test_advisories_that_flap_flap_nobody(follower: Follower) -> None:
    """What they take back is told once that has lasted a day."""
    follower.see("a")
    for _ in range(5):
        assert follower.see("") == []
        follower.wait(SETTLING - HOUR)
        assert follower.see("a") == []
    assert follower.see("") == []
    follower.wait(SETTLING)
    assert follower.see("") == [RESOLVED]
    assert follower.see("a") == [NEW]


def test_what_settles_is_looked_at_when_it_has(follower: Follower) -> None:
    """Though no event comes."""
    follower.see("a")
    state = follower.state
    assert state is not None
    [told] = state.pending
    follower.see("")
    assert follower.state is not None
    assert follower.state.without(told).wake_at == follower.now + SETTLING


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": "another"},
        {"exempted": frozenset("a")},
        {"status": Status.NOT_APPLICABLE},
    ],
)
def test_what_people_do_resolves_at_once(follower: Follower, changes: dict[str, object]) -> None:
    """Another policy, an exemption, a deletion."""
    follower.see("a")
    assert follower.see("", **changes) == [RESOLVED]


def test_unknown_is_told_once_and_what_was_told_is_remembered(follower: Follower) -> None:
    """Back from it with the same findings is no news; with others it is; without any it settles."""
    assert follower.see("a") == [NEW]
    assert follower.see(None) == [UNKNOWN]
    assert follower.see(None) == []
    assert follower.see("a") == []
    assert follower.see(None) == []
    assert follower.see("ab") == [WORSE]
    assert follower.see("") == []
    follower.wait(SETTLING)
    assert follower.see("") == [RESOLVED]
    assert follower.see(None) == [UNKNOWN]


def test_an_older_sight_changes_nothing(follower: Follower) -> None:
    """A slow worker saw the image as it was before; a replay brings an event of long ago."""
    follower.see("a")
    before = replace(_last(follower), blocking=frozenset("xyz"))
    follower.push("mended", "")
    state = follower.state
    assert follower.take(before) == []
    assert follower.state is state


def _last(follower: Follower) -> Observation:
    assert follower.state is not None
    pushed_at, _, as_of, report_id = follower.state.place
    return Observation(
        stream=STREAM,
        image=replace(IMAGE, digest=follower.digest),
        pushed_at=pushed_at,
        as_of=as_of,
        report_id=report_id,
        status=Status.UNHEALTHY,
    )


def test_an_exemption_is_told_of_seven_days_before_its_end_and_once(follower: Follower) -> None:
    """One that is prolonged is another; one that is past is told of by what blocks then."""
    end = NOW + timedelta(days=30)
    assert follower.see("", expiring={"e": end}) == []
    assert follower.state is not None
    assert follower.state.wake_at == end - AHEAD
    follower.now = end - AHEAD
    assert follower.see("", expiring={"e": end}) == [EXPIRING]
    assert follower.see("", expiring={"e": end}) == []
    assert follower.see("", expiring={}) == []
    assert follower.see("", expiring={"e": end}) == []
    assert follower.push("second", "") == []
    assert follower.see("", expiring={"longer": end + HOUR}) == []
    follower.now = end + 2 * HOUR
    assert follower.see("", expiring={"longer": end + HOUR}) == []
    assert follower.see("a", expiring={"f": follower.now + HOUR}) == [NEW, EXPIRING]


def test_a_transition_says_since_when_and_what_was_before(follower: Follower) -> None:
    """So that a message can."""
    began = follower.now + timedelta(seconds=2)
    follower.see("")
    follower.see("a")
    follower.wait(HOUR)
    follower.see("ab")
    follower.push("mended", "")
    assert follower.state is not None
    new, worse, resolved = follower.state.pending
    assert [one.since for one in (new, worse, resolved)] == [began] * 3
    assert [one.number for one in (new, worse, resolved)] == [1, 2, 3]
    assert (worse.report_before, resolved.report_before) == (new.report_id, worse.report_id)
    assert (new.before, worse.before, resolved.before) == (None, IMAGE.digest, IMAGE.digest)
    assert resolved.image.digest != IMAGE.digest


_SIMPLE = st.builds(
    Act,
    st.sampled_from(SIMPLE),
    digest=st.sampled_from(DIGESTS),
    tag=st.sampled_from(TAGS),
    health=st.sampled_from(HEALTHS),
    hours=st.sampled_from([0.001, 1, 12, 23, 25, 24 * 8]),
)
_ACTS = st.lists(
    _SIMPLE
    | st.builds(
        Act,
        st.sampled_from(["die", "meet"]),
        digest=st.sampled_from(DIGESTS),
        step=st.integers(1, 24),
        between=st.lists(_SIMPLE, max_size=2).map(tuple),
    ),
    max_size=40,
)


_BAD_AGAIN_UNDER_ANOTHER_POLICY_WHILE_THE_TAG_IS_AWAY = [
    Act("push", health=frozenset("a")),
    Act("push", digest=DIGESTS[1], health=None),
    Act("exempt"),
    Act("news", health=frozenset("a")),
    Act("news"),
    Act("push"),
]
"""Resolved at once when the tag is back: what it was told of was so under the policy of before."""


@given(_ACTS)
@example(_BAD_AGAIN_UNDER_ANOTHER_POLICY_WHILE_THE_TAG_IS_AWAY)
def test_people_hear_of_each_transition_once_and_of_nothing_else(acts: list[Act]) -> None:
    """Any interleaving of pushes, news, exemptions, deletions, repeats, deaths, other workers."""
    history = History()
    for act in acts:
        history.do(act)
    history.rest()
    assert [fault for who in AUDIENCES for fault in Hearing(history, who).faults()] == []


def test_a_state_without_news_is_left_as_it_is(follower: Follower) -> None:
    """The same sight twice: nothing to store."""
    follower.see("a")
    assert follower.state is not None
    again = replace(_last(follower), blocking=frozenset("a"))
    later: datetime = follower.now + HOUR
    assert advance(follower.state, again, later) == (follower.state, None)
