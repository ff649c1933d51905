"""Pure: what a stream was known to be, what is seen of it now -> what has changed for people.

What is seen is always the present truth, so that it does not matter which event brought it, how
often, or in which order: older sights are passed over, and equal ones change nothing.

A database that flaps must not flap people. What the same image is healed of by advisories alone is
told once it has lasted `SETTLING`; what comes back until then is no news.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from scanner.model import Digest, ImageReference, Status, Stream, Transition, TransitionKind

SETTLING = timedelta(hours=24)
"""Four issues of the advisories: one that is taken back is seldom taken back later than that."""
AHEAD = timedelta(days=7)
"""How long before it ends an exemption is told of."""
QUEUEING = timedelta(minutes=5)
"""After this long a transition that is not queued has lost its worker."""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a stream names now, and what is said of that."""

    stream: Stream
    image: ImageReference
    pushed_at: datetime | None
    """When the tag was given to the image; None for a digest."""
    as_of: datetime
    report_id: str
    status: Status
    blocking: frozenset[str] = frozenset()
    """Keys of the findings that make it unhealthy."""
    exempted: frozenset[str] = frozenset()
    """Keys of those that an exemption lets pass."""
    expiring: Mapping[str, datetime] = field(default_factory=dict)
    """When the exemptions end that are in use, by a key of exemption and end."""
    policy: str = ""
    """Equal for equal policies."""

    @property
    def place(self) -> tuple[datetime, str, datetime, str]:
        """Order as the store does: the later push, then the later examination."""
        return self.pushed_at or _NEVER, str(self.image.digest), self.as_of, self.report_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """That people were told of something unhealthy which is not resolved yet."""

    digest: Digest
    """The last that was unhealthy."""
    report_id: str
    since: datetime
    policy: str
    keys: frozenset[str]
    well_since: datetime | None = None
    """Since when advisories say otherwise of the same image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """What is known of a stream, and what of it people have been told."""

    place: tuple[datetime, str, datetime, str]
    status: Status
    since: datetime
    """Since when the status has been so, or unhealthy without being told to be well."""
    told: Told | None = None
    unknown: Digest | None = None
    """What operators were told to be unknown."""
    known_since: datetime | None = None
    """Since when it is known again what that is."""
    resolved_at: datetime | None = None
    """When something was last told to be resolved."""
    expiring: Mapping[str, datetime] = field(default_factory=dict)
    """As last seen."""
    announced: Mapping[str, datetime] = field(default_factory=dict)
    """The ends of exemptions that were told of, until they are past."""
    number: int = 0
    pending: tuple[Transition, ...] = ()
    """What has come about and may not be queued yet."""

    @property
    def wake_at(self) -> datetime | None:
        """When somebody must look at this stream again though nothing happens to it."""
        moments = [self.pending[0].at + QUEUEING] if self.pending else []
        if self.told and self.told.well_since:
            moments.append(self.told.well_since + SETTLING)
        moments += [end - AHEAD for key, end in self.expiring.items() if key not in self.announced]
        return min(moments, default=None)

    def ended(self) -> "StreamState":
        """Return the state once nobody follows the stream, because others speak for its image."""
        return replace(self, told=None, unknown=None, expiring={})

    def without(self, queued: Transition) -> "StreamState":
        """Return the state once a transition is queued."""
        left = tuple(one for one in self.pending if one.number != queued.number)
        return replace(self, pending=left)


def follow(state: StreamState | None, seen: Observation, now: datetime) -> StreamState:
    """Return what the stream is known to be now, with all that is news pending in it."""
    while True:
        state, transition = advance(state, seen, now)
        if transition is None:
            return state


def advance(
    state: StreamState | None, seen: Observation, now: datetime
) -> tuple[StreamState, Transition | None]:
    """Return what the stream is known to be now, and what of that is news. Never two at once.

    The transition is among those pending in the state as well, so that both are stored as one.
    An exemption may expire at the same time; `follow` asks again.
    """
    if state is not None and seen.place < state.place:
        return state, None
    after, kind = _VERDICTS[seen.status](_noted(state, seen), seen, now)
    if kind is None:
        after, kind = _exemptions(after, seen, now)
    if kind is None:
        return after, None
    told = state.told if state else None
    transition = Transition(
        stream=seen.stream,
        number=after.number + 1,
        kind=kind,
        image=seen.image,
        report_id=seen.report_id,
        report_before=_report_before(state, kind),
        before=told.digest if told and kind in _AFTER_TOLD else None,
        at=now,
        since=told.since if told and kind in _AFTER_TOLD else after.since,
    )
    after = replace(after, number=transition.number, pending=(*after.pending, transition))
    return after, transition


_AFTER_TOLD = {TransitionKind.WORSE, TransitionKind.RESOLVED}
_Step = tuple[StreamState, TransitionKind | None]


def _report_before(state: StreamState | None, kind: TransitionKind) -> str:
    if state is None:
        return ""
    if state.told and kind in _AFTER_TOLD:
        return state.told.report_id
    return state.place[-1]


def _noted(state: StreamState | None, seen: Observation) -> StreamState:
    if state is None:
        return StreamState(place=seen.place, status=seen.status, since=seen.as_of)
    is_same = state.status is seen.status
    return replace(
        state,
        place=seen.place,
        status=seen.status,
        since=state.since if is_same else seen.as_of,
        expiring={},
    )


def _unhealthy(state: StreamState, seen: Observation, now: datetime) -> _Step:
    before = state.told
    kept: frozenset[str] = frozenset()
    has_moved = before is not None and before.digest != seen.image.digest
    if before is not None:
        # What another image no longer had was mended. What advisories no longer say may come back.
        kept = before.keys & seen.blocking if has_moved else before.keys
    told = Told(
        digest=seen.image.digest,
        report_id=seen.report_id,
        since=before.since if before else state.since,
        policy=seen.policy,
        keys=kept | seen.blocking,
    )
    after = replace(_known(state, seen, now), told=told)
    if before is None:
        return after, TransitionKind.NEWLY_UNHEALTHY
    if seen.blocking - kept:
        return after, TransitionKind.WORSE
    if has_moved:
        return after, None
    # What was told of stays the report to compare with.
    return replace(after, told=replace(told, report_id=before.report_id)), None


def _well(state: StreamState, seen: Observation, now: datetime) -> _Step:
    state = _known(state, seen, now)
    told = state.told
    if told is None:
        return state, None
    well_since = told.well_since or now
    if _is_final(told, seen) or now - well_since >= SETTLING:
        return replace(state, told=None, resolved_at=now), TransitionKind.RESOLVED
    return replace(state, told=replace(told, well_since=well_since)), None


def _is_final(told: Told, seen: Observation) -> bool:
    """Whether somebody has seen to it: pushed another image, deleted this one, or let it pass."""
    return (
        told.digest != seen.image.digest
        or seen.status is Status.NOT_APPLICABLE
        or told.policy != seen.policy
        or not told.keys.isdisjoint(seen.exempted)
    )


def _unknown(state: StreamState, seen: Observation, now: datetime) -> _Step:
    del now
    told = replace(state.told, well_since=None) if state.told else None
    after = replace(state, told=told, unknown=seen.image.digest, known_since=None)
    return after, None if state.unknown else TransitionKind.BECAME_UNKNOWN


def _known(state: StreamState, seen: Observation, now: datetime) -> StreamState:
    """Forget that it was unknown, once that has lasted or another image came."""
    if state.unknown is None:
        return state
    known_since = state.known_since or now
    if state.unknown != seen.image.digest or now - known_since >= SETTLING:
        return replace(state, unknown=None, known_since=None)
    return replace(state, known_since=known_since)


_VERDICTS = {
    Status.UNHEALTHY: _unhealthy,
    Status.HEALTHY: _well,
    Status.NOT_APPLICABLE: _well,
    Status.UNKNOWN: _unknown,
}


def _exemptions(state: StreamState, seen: Observation, now: datetime) -> _Step:
    announced = {key: end for key, end in state.announced.items() if end > now}
    expiring = {key: end for key, end in seen.expiring.items() if end > now}
    due = {key: end for key, end in expiring.items() if end - AHEAD <= now} | announced
    after = replace(state, expiring=expiring, announced=due)
    is_news = bool(due.keys() - announced.keys())
    return after, TransitionKind.EXEMPTION_EXPIRING if is_news else None
