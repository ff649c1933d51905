"""What has changed in the streams that name an image: found out, stored, and then announced.

A stream's state and the transition that brought it about are stored in one write, so a crash loses
neither: whoever repeats, or `wake`, finds it pending. Before it is announced, the image's voice is
asked whether another of its tags has said the same.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from scanner.blocking import exempted, exemption_ends, key_of, keys_of
from scanner.covering import is_followed
from scanner.errors import NoticeError, PushscanError
from scanner.model import (
    Decision,
    Digest,
    ImageReference,
    Report,
    Stream,
    Transition,
    TransitionKind,
)
from scanner.ports import CurrentVerdict, Outbox, ReportStore, StreamStore, TagPush
from scanner.transitions import AHEAD, Observation, StreamState, follow
from scanner.voices import Claim

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is said of an image now: its row, and the report that the row names."""

    current: CurrentVerdict
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Herald:
    """Looks at streams. Safe to repeat, and to do at several places at once."""

    store: ReportStore
    streams: StreamStore
    outbox: Outbox
    clock: Callable[[], datetime]

    def observe(self, image: ImageReference, standing: Standing | None = None) -> None:
        """Look at every stream that names an image, or lost it. Raises StoreError.

        Whoever has just read what stands spares storage another look.
        """
        for name in self._names(image):
            try:
                self._look(_stream(image, name), standing)
            except NoticeError as error:
                # No judging fails because routes cannot be read: it stays pending until `wake`.
                logger.error("transition.waits image=%s tag=%s why=%s", image, name, error)  # noqa: TRY400  its text says it all

    def wake(self) -> int:
        """Look at the streams whose time has come; return how many there were.

        Raises what the first that failed raised, after all others were looked at.
        """
        count = 0
        fault: PushscanError | None = None
        for stream in self.streams.waking(self.clock()):
            try:
                self._look(stream)
            except PushscanError as error:
                logger.warning("stream.failed stream=%s why=%s", stream, error)
                fault = fault or error
            count += 1
        if fault is not None:
            raise fault
        return count

    def _names(self, image: ImageReference) -> list[str]:
        # The one that was just pushed first, so that a message is about that.
        tags = [image.tag, *(push.image.tag for push in self.store.tags_of(image))]
        return list(dict.fromkeys(filter(None, tags))) or [str(image.digest)]

    def _look(self, stream: Stream, standing: Standing | None = None) -> None:
        # The state first: whoever has one was followed, so that what is not seen then is over.
        state = self.streams.find(stream)
        seen = self._see(stream, standing)
        if seen is not None:
            self._leave(stream, state, seen)
            now = self.clock()
            # What is not news to a state is none to those that came of it meanwhile.
            if state is None or follow(state, seen, now) != state:
                state = self.streams.change(stream, lambda known: follow(known, seen, now))
        elif state is not None:
            state = self.streams.change(stream, lambda known: known and known.ended())
        if state is not None:
            for transition in state.pending:
                self._tell(transition, state)

    def _see(self, stream: Stream, standing: Standing | None) -> Observation | None:
        """Return what a stream names and what is said of that; None where nobody follows it."""
        push = self._push(stream)
        if push is None:
            return None
        if standing is None or standing.current.image.digest != push.image.digest:
            standing = self._standing(push.image)
        if standing is None:
            return None
        current, report = standing.current, standing.report
        if stream.tag is None and not is_followed(self.store, current):
            return None
        decisions = list(self._decisions(report))
        return Observation(
            stream=stream,
            image=push.image,
            pushed_at=push.at if stream.tag else None,
            as_of=current.as_of,
            report_id=report.id,
            status=report.verdict.status,
            blocking=keys_of(report),
            exempted=frozenset(key_of(one.subject) for one in exempted(decisions)),
            expiring=exemption_ends(decisions),
            # Not the tables on exploits: they are news as advisories are, and as often.
            policy=f"{report.policy.digest} {report.policy.exemptions}",
        )

    def _standing(self, image: ImageReference) -> Standing | None:
        current = self.store.current(image)
        report = self.store.find_report(current.report_id) if current else None
        return Standing(current, report) if current and report else None

    def _push(self, stream: Stream) -> TagPush | None:
        if stream.tag is not None:
            return self.store.find_tag(stream.registry, stream.repository, stream.tag)
        image = ImageReference(
            registry=stream.registry, repository=stream.repository, digest=Digest(stream.name)
        )
        return TagPush(image=image, at=self.clock())

    def _decisions(self, report: Report) -> Iterator[Decision]:
        yield from report.decisions
        for entry in report.platforms:
            part = self.store.find_report(entry.report_id)
            yield from part.decisions if part else ()

    def _leave(self, stream: Stream, state: StreamState | None, seen: Observation) -> None:
        """Say that a stream no longer names the image that it was told to be unhealthy with.

        First, and in its own write: done twice it harms nothing, and forgotten it would keep the
        image's next stream silent.
        """
        told = state.told if state and seen.place >= state.place else None
        if told is not None and told.digest != seen.image.digest:
            image = replace(seen.image, digest=told.digest, tag=None)
            self.streams.change_voice(image, lambda voice: voice.left_by(stream.name))

    def _tell(self, transition: Transition, state: StreamState) -> None:
        # What was resolved after it, and is still pending too, says nothing of it.
        is_before = state.resolved_at is not None and state.resolved_at < transition.at
        claim = Claim(
            transition=transition,
            keys=self._keys(transition),
            resolved_at=state.resolved_at if is_before else None,
        )
        voice = self.streams.change_voice(transition.image, lambda known: known.hear(claim))
        known_by = voice.known_by(claim)
        if known_by is not None:
            logger.info("transition.known stream=%s kind=%s", transition.stream, transition.kind)
        self.outbox.announce(transition, known_by=known_by)
        self.streams.change(transition.stream, lambda known: known and known.without(transition))

    def _keys(self, transition: Transition) -> frozenset[str]:
        report = self.store.find_report(transition.report_id)
        if report is None:
            return frozenset()
        if transition.kind is not TransitionKind.EXEMPTION_EXPIRING:
            return keys_of(report)
        ends = exemption_ends(self._decisions(report))
        return frozenset(key for key, end in ends.items() if end - AHEAD <= transition.at < end)


def _stream(image: ImageReference, name: str) -> Stream:
    return Stream(registry=image.registry, repository=image.repository, name=name)
