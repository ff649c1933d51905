"""Streams in memory, an outbox that remembers, and a publisher on them."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from scanner.errors import PushscanError
from scanner.herald import Herald
from scanner.model import ImageReference, Rulebook, Stream, Transition
from scanner.ports import ReportStore
from scanner.publishing import Publisher
from scanner.transitions import StreamState
from scanner.voices import Voice


class InMemoryStreams:
    """States and voices in dictionaries; one change at a time, as compare-and-swap has it."""

    def __init__(self) -> None:
        self.states: dict[Stream, StreamState] = {}
        self.voices: dict[str, Voice] = {}
        self._lock = threading.Lock()

    def find(self, stream: Stream) -> StreamState | None:
        """Return what is known of a stream."""
        return self.states.get(stream)

    def change(
        self, stream: Stream, decide: Callable[[StreamState | None], StreamState | None]
    ) -> StreamState | None:
        """Replace a state by what `decide` makes of it."""
        with self._lock:
            state = decide(self.states.get(stream))
            if state is not None:
                self.states[stream] = state
            return self.states.get(stream)

    def change_voice(self, image: ImageReference, decide: Callable[[Voice], Voice]) -> Voice:
        """Replace what people were told of an image."""
        with self._lock:
            voice = decide(self.voices.get(str(image), Voice()))
            self.voices[str(image)] = voice
            return voice

    def waking(self, now: datetime) -> Iterator[Stream]:
        """Yield the streams whose time has come."""
        for stream, state in sorted(self.states.items(), key=lambda item: str(item[0])):
            if state.wake_at is not None and state.wake_at <= now:
                yield stream


@dataclass(kw_only=True)
class RecordingOutbox:
    """Remembers what shall be told, each transition once."""

    announced: list[Transition] = field(default_factory=list)
    """What is news to everybody."""
    outage: PushscanError | None = None
    _said: list[tuple[Transition, frozenset[str] | None]] = field(default_factory=list)
    """All of it, and which streams spoke before."""

    def announce(self, transition: Transition, *, known_by: frozenset[str] | None = None) -> None:
        """Remember a transition."""
        if self.outage is not None:
            raise self.outage
        self._said.append((transition, known_by))
        if known_by is None and transition not in self.announced:
            self.announced.append(transition)

    def told_to(self, *tags: str) -> list[Transition]:
        """Return what those are told who follow nothing but some tags."""
        told = [
            one
            for one, known_by in self._said
            if one.stream.tag in tags and not (known_by and known_by.intersection(tags))
        ]
        return list(dict.fromkeys(told))

    @property
    def report_ids(self) -> list[str]:
        """Of the reports that brought the transitions about."""
        return [transition.report_id for transition in self.announced]


def publisher_on(
    store: ReportStore,
    streams: InMemoryStreams,
    outbox: RecordingOutbox,
    *,
    rulebook: Callable[[], Rulebook],
    clock: Callable[[], datetime],
) -> Publisher:
    """Return a publisher that tells by this outbox."""
    herald = Herald(store=store, streams=streams, outbox=outbox, clock=clock)
    return Publisher(store=store, herald=herald, rulebook=rulebook)
