"""What every StreamStore does; run on the fake and on the real one."""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scanner.blocking import MAXIMUM_KEYS
from scanner.model import Digest, Status, Stream, TransitionKind
from scanner.ports import StreamStore
from scanner.transitions import QUEUEING, SETTLING, StreamState, Told
from scanner.voices import Mended, Voice
from tests.examples import DIGEST, IMAGE, NOW
from tests.reports import transition_by, unhealthy_report

NEVER = datetime.min.replace(tzinfo=UTC)
"""When a digest that is followed without a tag was tagged."""


def some_state(**changes: object) -> StreamState:
    """Return a state of a stream that was told of nothing."""
    begun = StreamState(place=(NOW, str(DIGEST), NOW, "1" * 64), status=Status.UNHEALTHY, since=NOW)
    return replace(begun, **changes)  # type: ignore[arg-type]


def some_told(**changes: object) -> Told:
    """Return that people were told of something."""
    begun = Told(
        digest=DIGEST, report_id="1" * 64, since=NOW, policy="p", keys=frozenset({"a", "b"})
    )
    return replace(begun, **changes)  # type: ignore[arg-type]


class StreamStoreContract(ABC):
    """Subclasses say how to get a store."""

    @abstractmethod
    def store(self) -> StreamStore:
        """Return the store under test; each call within a test returns one on the same data."""

    @abstractmethod
    def registry(self) -> str:
        """Return a registry that no other test uses."""

    def stream(self, name: str = "v7") -> Stream:
        """Return a stream of this test."""
        return Stream(registry=self.registry(), repository="shop/cart", name=name)

    def put(self, stream: Stream, state: StreamState) -> StreamState | None:
        """Store a state, whatever there is."""
        return self.store().change(stream, lambda _: state)

    def test_what_was_never_seen_is_not_there(self) -> None:
        """Nor is it made by a decision for nothing."""
        assert self.store().find(self.stream()) is None
        assert self.store().change(self.stream(), lambda state: state) is None
        assert self.store().find(self.stream()) is None

    def test_a_state_is_read_as_it_was_written(self) -> None:
        """With every member set, and with none."""
        made = replace(transition_by(unhealthy_report()), stream=self.stream())
        made = replace(
            made,
            image=replace(made.image, registry=self.registry()),
            kind=TransitionKind.WORSE,
            before=DIGEST,
            report_before="2" * 64,
        )
        full = some_state(
            told=some_told(well_since=NOW),
            unknown=DIGEST,
            known_since=NOW,
            resolved_at=NOW,
            expiring={"e": NOW},
            announced={"e": NOW},
            number=7,
            pending=(made, replace(made, number=2)),
        )
        for state in (some_state(), full, some_state(place=(NEVER, str(DIGEST), NOW, ""))):
            assert self.put(self.stream(), state) == state
            assert self.store().find(self.stream()) == state

    def test_a_digest_is_a_stream_of_its_own(self) -> None:
        """Beside tags and what was told of it."""
        self.store().change(self.stream(str(DIGEST)), lambda _: some_state())
        image = replace(IMAGE, registry=self.registry())
        self.store().change_voice(image, lambda voice: replace(voice, told_at=NOW))
        assert self.store().find(self.stream(str(DIGEST))) == some_state()
        assert self.store().find(self.stream()) is None

    def test_what_was_told_of_an_image_is_read_as_it_was_written(self) -> None:
        """By whatever tag it is named."""
        image = replace(IMAGE, registry=self.registry())
        full = Voice(
            told_at=NOW,
            keys=frozenset({"a"}),
            standing={"v7": NOW, str(DIGEST): NOW - SETTLING, "prod": NOW},
            mended={
                str(DIGEST): Mended(at=NOW, report_id="1" * 64, told_by=("v7", "prod")),
                str(Digest.of(b"other")): Mended(at=NOW, report_id="2" * 64),
            },
            unknown_at=NOW,
            expiring=frozenset({"e"}),
            unknown_by=("v8", "v7"),
            expiring_by=("v7",),
            spoken=("v7 1", "v7 2"),
        )
        assert self.store().change_voice(image, lambda voice: voice) == Voice()
        assert self.store().change_voice(replace(image, tag=None), lambda _: full) == full
        assert self.store().change_voice(replace(image, tag="x"), lambda voice: voice) == full
        other = replace(image, digest=Digest.of(b"other"))
        assert self.store().change_voice(other, lambda voice: voice) == Voice()

    def test_all_findings_of_the_worst_image_fit(self) -> None:
        """Twice as many as one report is asked for: what is told grows while advisories change."""
        keys = frozenset(f"{number:012x}" for number in range(2 * MAXIMUM_KEYS))
        state = some_state(told=some_told(keys=keys))
        self.store().change(self.stream(), lambda _: state)
        assert self.store().find(self.stream()) == state

    def test_no_change_is_lost_between_workers(self) -> None:
        """Each counts one up."""

        def count(_: int) -> None:
            self.store().change(
                self.stream(),
                lambda state: replace(
                    state or some_state(), number=state.number + 1 if state else 1
                ),
            )

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count, range(12)))
        state = self.store().find(self.stream())
        assert state is not None
        assert state.number == 12

    def test_those_wake_whose_time_has_come(self) -> None:
        """Something pending, something that settles, an exemption that ends; and nothing else."""
        made = replace(transition_by(unhealthy_report()), at=NOW)
        states = {
            "pending": some_state(pending=(made,)),
            "settling": some_state(told=some_told(well_since=NOW + QUEUEING - SETTLING)),
            "ending": some_state(expiring={"e": NOW + QUEUEING + timedelta(days=7)}),
            "later": some_state(told=some_told(well_since=NOW)),
            "announced": some_state(expiring={"e": NOW}, announced={"e": NOW}),
            "told": some_state(told=some_told()),
        }
        for name, state in states.items():
            self.put(self.stream(name), state)
        self.store().change_voice(
            replace(IMAGE, registry=self.registry()), lambda voice: replace(voice, told_at=NOW)
        )
        early = [s for s in self.store().waking(NOW) if s.registry == self.registry()]
        due = [s for s in self.store().waking(NOW + QUEUEING) if s.registry == self.registry()]
        assert early == []
        assert due == [self.stream("ending"), self.stream("pending"), self.stream("settling")]
