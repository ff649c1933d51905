"""Pure: which of the streams that name one image speaks of it.

Each tag is a stream, and an image often has several. What people were told of the image by one of
its tags is not told again by the others; the message names them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scanner.model import Transition, TransitionKind
from scanner.transitions import SETTLING

TOGETHER = timedelta(seconds=60)
"""Tags that leave one image for the same other one so soon after one another are one push. What is
told of the first waits as long, so that it names them all."""
_PREDECESSORS = 8
_REMEMBERED = 32
"""Transitions, more than are ever between two tries at the same one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A transition that wants to be told."""

    transition: Transition
    keys: frozenset[str]
    """Of what blocks now, or of the exemptions that expire."""
    resolved_at: datetime | None = None
    """When the stream was last told to be resolved."""

    @property
    def id(self) -> str:
        """Names the transition among those of one image."""
        return f"{self.transition.stream.name} {self.transition.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """That an image was told to be resolved."""

    at: datetime
    report_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What people have been told of one image in one repository, by whichever of its tags."""

    told_at: datetime | None = None
    """When they were last told of something that blocks; None when that was resolved."""
    keys: frozenset[str] = frozenset()
    standing: frozenset[str] = frozenset()
    """Names of the streams that name it and are told to be unhealthy."""
    mended: Mapping[str, Mended] = field(default_factory=dict)
    """When it was told to have mended an unhealthy image, itself or another, by their digests."""
    unknown_at: datetime | None = None
    expiring: frozenset[str] = frozenset()
    spoken: tuple[str, ...] = ()
    """Ids of the claims that were told, the latest last."""

    def left_by(self, name: str) -> "Voice":
        """Return the voice once a stream names another image."""
        return replace(self, standing=self.standing - {name})

    def hear(self, claim: Claim) -> "tuple[Voice, bool]":
        """Return what people know afterwards, and whether this claim is to be told."""
        after, is_news = _HEARD[claim.transition.kind](self, claim)
        if claim.id in self.spoken:
            # Whoever was to tell it died before that was sure.
            return self, True
        if is_news:
            after = replace(after, spoken=(*after.spoken, claim.id)[-_REMEMBERED:])
        return after, is_news


_Heard = tuple[Voice, bool]


def _unhealthy(voice: Voice, claim: Claim) -> _Heard:
    name, at = claim.transition.stream.name, claim.transition.at
    # No longer followed by its digest once a tag names it.
    by_digest = (
        set() if claim.transition.stream.tag is None else {str(claim.transition.image.digest)}
    )
    stands = replace(voice, standing=voice.standing - by_digest | {name})
    mended = voice.mended.get(str(claim.transition.image.digest))
    if voice.told_at is None and mended is not None and at < mended.at:
        return voice, False
    # A stream that came back since has been told to be well.
    is_meant = voice.told_at is not None and (
        claim.resolved_at is None or claim.resolved_at <= voice.told_at
    )
    has_others = bool(voice.standing - {name})
    if is_meant and has_others and claim.keys <= voice.keys:
        return stands, False
    is_more = has_others or claim.transition.kind is TransitionKind.WORSE
    keys = voice.keys if is_more and voice.told_at is not None else frozenset()
    return replace(stands, told_at=at, keys=keys | claim.keys), True


def _resolved(voice: Voice, claim: Claim) -> _Heard:
    transition, before = claim.transition, str(claim.transition.before)
    is_itself = transition.before == transition.image.digest
    left = voice.left_by(transition.stream.name)
    if is_itself and voice.told_at is not None:
        if transition.at < voice.told_at:
            return left, False
        left = replace(left, told_at=None, keys=frozenset())
    elif _is_known(voice.mended.get(before), transition, is_itself=is_itself):
        return left, False
    mended = {**voice.mended, before: Mended(at=transition.at, report_id=transition.report_id)}
    latest = sorted(mended.items(), key=lambda item: item[1].at)[-_PREDECESSORS:]
    return replace(left, mended=dict(latest)), True


def _is_known(mended: "Mended | None", transition: Transition, *, is_itself: bool) -> bool:
    if mended is None:
        return False
    is_same = is_itself and mended.report_id == transition.report_id
    return is_same or abs(transition.at - mended.at) < TOGETHER


def _unknown(voice: Voice, claim: Claim) -> _Heard:
    at = claim.transition.at
    if voice.unknown_at and abs(at - voice.unknown_at) < SETTLING:
        return voice, False
    return replace(voice, unknown_at=at), True


def _expiring(voice: Voice, claim: Claim) -> _Heard:
    known = replace(voice, expiring=voice.expiring | claim.keys)
    return known, not claim.keys <= voice.expiring


_HEARD: dict[TransitionKind, Callable[[Voice, Claim], _Heard]] = {
    TransitionKind.NEWLY_UNHEALTHY: _unhealthy,
    TransitionKind.WORSE: _unhealthy,
    TransitionKind.RESOLVED: _resolved,
    TransitionKind.BECAME_UNKNOWN: _unknown,
    TransitionKind.EXEMPTION_EXPIRING: _expiring,
}
