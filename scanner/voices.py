"""Pure: which of the streams that name one image speaks of it.

Each tag is a stream, and an image often has several. What people were told of the image by one of
its tags is not told again by the others; the message names them all. Who follows certain tags alone
hears of it by the first of those: so the tags are kept in the order in which they speak.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile

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
    def name(self) -> str:
        """Of the stream."""
        return self.transition.stream.name

    @property
    def id(self) -> str:
        """Names the transition among those of one image."""
        return f"{self.name} {self.transition.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """That an image was told to be resolved."""

    at: datetime
    report_id: str
    told_by: tuple[str, ...] = ()
    """Names of the streams that said so, the first first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What people have been told of one image in one repository, by whichever of its tags."""

    told_at: datetime | None = None
    """When they were last told of something that blocks; None when that was resolved."""
    keys: frozenset[str] = frozenset()
    standing: Mapping[str, datetime] = field(default_factory=dict)
    """When the streams that name it were last told to be unhealthy, by their names: first the one
    that people heard it of, then as they came."""
    mended: Mapping[str, Mended] = field(default_factory=dict)
    """When it was told to have mended an unhealthy image, itself or another, by their digests."""
    unknown_at: datetime | None = None
    expiring: frozenset[str] = frozenset()
    unknown_by: tuple[str, ...] = ()
    """Names of the streams that said that it cannot be judged, the first first."""
    expiring_by: tuple[str, ...] = ()
    """Likewise that exemptions expire."""
    spoken: tuple[str, ...] = ()
    """Ids of the claims that were news, the latest last."""

    def left_by(self, name: str) -> "Voice":
        """Return the voice once a stream names another image."""
        return replace(self, standing=_without(self.standing, name))

    def hear(self, claim: Claim) -> "Voice":
        """Return what people know once a claim was told; repeated, it changes nothing."""
        if claim.id in self.spoken:
            # Whoever was to tell it died before that was sure.
            return self
        after, is_news = _HEARD[claim.transition.kind](self, claim)
        if is_news:
            after = replace(after, spoken=(*after.spoken, claim.id)[-_REMEMBERED:])
        return after

    def known_by(self, claim: Claim) -> frozenset[str] | None:
        """Return which streams speak before that of a claim that was heard; None: it was news."""
        if claim.id in self.spoken:
            return None
        before = takewhile(lambda name: name != claim.name, self._speakers(claim))
        return frozenset(before)

    def _speakers(self, claim: Claim) -> Iterable[str]:
        """Return the names of all streams that say the same."""
        kind = claim.transition.kind
        if kind is TransitionKind.BECAME_UNKNOWN:
            return self.unknown_by
        if kind is TransitionKind.EXEMPTION_EXPIRING:
            return self.expiring_by
        mended = self.mended.get(str(claim.transition.before))
        if kind is TransitionKind.RESOLVED:
            overtaking = self.standing if _is_overtaken(self, claim) else {}
            return (*overtaking, *(mended.told_by if mended else ()))
        # Who was told that the stream is well has heard of nothing that was said before.
        since = claim.resolved_at
        return takewhile(lambda name: since is None or self.standing[name] >= since, self.standing)


def _without(standing: Mapping[str, datetime], name: str) -> Mapping[str, datetime]:
    return {one: at for one, at in standing.items() if one != name}


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if name in names else (*names, name)


_Heard = tuple[Voice, bool]


def _unhealthy(voice: Voice, claim: Claim) -> _Heard:
    name, transition = claim.name, claim.transition
    mended = voice.mended.get(str(transition.image.digest))
    if voice.told_at is None and mended is not None and transition.at < mended.at:
        return voice, False
    standing = voice.standing
    if transition.stream.tag is not None:
        # No longer followed by its digest once a tag names it.
        standing = _without(standing, str(transition.image.digest))
    # A stream that came back since has been told to be well.
    is_meant = voice.told_at is not None and (
        claim.resolved_at is None or claim.resolved_at <= voice.told_at
    )
    has_others = bool(_without(voice.standing, name))
    if is_meant and has_others and claim.keys <= voice.keys:
        return replace(voice, standing={**standing, name: transition.at}), False
    is_more = has_others or transition.kind is TransitionKind.WORSE
    keys = voice.keys if is_more and voice.told_at is not None else frozenset()
    standing = {name: transition.at, **_without(standing, name)}
    return replace(voice, standing=standing, told_at=transition.at, keys=keys | claim.keys), True


def _resolved(voice: Voice, claim: Claim) -> _Heard:
    transition, before = claim.transition, str(claim.transition.before)
    left = voice.left_by(claim.name)
    if _is_overtaken(voice, claim):
        return left, False
    mended = voice.mended.get(before)
    is_itself = transition.before == transition.image.digest
    is_news = True
    if is_itself and voice.told_at is not None:
        left = replace(left, told_at=None, keys=frozenset())
    else:
        is_news = not _is_known(mended, transition, is_itself=is_itself)
    if is_news or mended is None:
        mended = Mended(at=transition.at, report_id=transition.report_id, told_by=(claim.name,))
    else:
        mended = replace(mended, told_by=_with(mended.told_by, claim.name))
    latest = sorted({**voice.mended, before: mended}.items(), key=lambda item: item[1].at)
    return replace(left, mended=dict(latest[-_PREDECESSORS:])), is_news


def _is_overtaken(voice: Voice, claim: Claim) -> bool:
    """Whether people were told since that the image which is said to be well blocks again."""
    transition = claim.transition
    return (
        transition.before == transition.image.digest
        and voice.told_at is not None
        and transition.at < voice.told_at
    )


def _is_known(mended: "Mended | None", transition: Transition, *, is_itself: bool) -> bool:
    if mended is None:
        return False
    is_same = is_itself and mended.report_id == transition.report_id
    return is_same or abs(transition.at - mended.at) < TOGETHER


def _unknown(voice: Voice, claim: Claim) -> _Heard:
    at = claim.transition.at
    if voice.unknown_at and abs(at - voice.unknown_at) < SETTLING:
        return replace(voice, unknown_by=_with(voice.unknown_by, claim.name)), False
    return replace(voice, unknown_at=at, unknown_by=(claim.name,)), True


def _expiring(voice: Voice, claim: Claim) -> _Heard:
    is_news = not claim.keys <= voice.expiring
    told_by = (claim.name,) if is_news else _with(voice.expiring_by, claim.name)
    return replace(voice, expiring=voice.expiring | claim.keys, expiring_by=told_by), is_news


_HEARD: dict[TransitionKind, Callable[[Voice, Claim], _Heard]] = {
    TransitionKind.NEWLY_UNHEALTHY: _unhealthy,
    TransitionKind.WORSE: _unhealthy,
    TransitionKind.RESOLVED: _resolved,
    TransitionKind.BECAME_UNKNOWN: _unknown,
    TransitionKind.EXEMPTION_EXPIRING: _expiring,
}
