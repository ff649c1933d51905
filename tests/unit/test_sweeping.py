from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from scanner import lookups, sweeping
from scanner.errors import StoreError
from scanner.model import Advisories, AppliedPolicy, Digest, ImageReference, Status
from scanner.ports import Check
from scanner.rejudge_messages import SweepStep, decode_job, decode_step
from scanner.sweeping import IndexedImage, Sweeper
from tests.catalogue_fakes import InMemoryQueue
from tests.examples import ADVISORIES, IMAGE, NOW
from tests.fakes import InMemorySweepStore
from tests.policies import APPLIED, MILD, unasked

HOUR = timedelta(hours=1)
NEWER = replace(ADVISORIES, digest=Digest("sha256:" + "ae" * 32), updated_at=NOW + HOUR)
TAR, ZLIB = (lookups.key(lookups.of_package("debian", name)) for name in ("tar", "zlib"))
AGAINST = Check(at=NOW, advisories=ADVISORIES.digest, advisories_of=NOW, rules=APPLIED.fingerprint)


def image(number: int, keys: frozenset[int] | None = frozenset({TAR})) -> IndexedImage:
    """Return a healthy image of an index."""
    return IndexedImage(
        image=replace(IMAGE, digest=Digest(f"sha256:{number:064x}"), tag=None),
        status=Status.HEALTHY,
        against=AGAINST,
        keys=keys,
    )


@dataclass(kw_only=True)
class World:
    """Images, and what was queued because of them."""

    images: list[IndexedImage] = field(default_factory=lambda: [image(n) for n in range(3)])
    sweeps: InMemorySweepStore = field(default_factory=InMemorySweepStore)
    jobs: InMemoryQueue = field(default_factory=InMemoryQueue)
    steps: InMemoryQueue = field(default_factory=InMemoryQueue)

    def stretch(self, after: ImageReference | None, limit: int) -> Sequence[IndexedImage]:
        """Return images in the order of their digests."""
        place = str(after.digest) if after else ""
        return [entry for entry in self.images if str(entry.image.digest) > place][:limit]

    def sweeper(self) -> Sweeper:
        """Return the sweeper of a worker that has just started."""
        return Sweeper(
            sweeps=self.sweeps,
            images=self,
            jobs=self.jobs,
            steps=self.steps,
            clock=lambda: NOW,
        )

    def catch_up(
        self,
        advisories: Advisories,
        policy: AppliedPolicy | None = None,
        keys: frozenset[int] | None = None,
        rule_keys: frozenset[int] | None = None,
    ) -> None:
        """See what is news, and go through all stretches."""
        self.sweeper().catch_up(advisories, policy or APPLIED, lambda _: keys, lambda _: rule_keys)
        self.go_through()

    def go_through(self) -> None:
        """Take all steps."""
        while self.steps.messages:
            self.sweeper().take(decode_step(self.steps.messages.pop(0).encode()))

    def queued(self) -> list[int]:
        """Return the numbers of the images that were queued, and forget them."""
        jobs = [decode_job(message.encode()) for message in self.jobs.messages]
        self.jobs.messages.clear()
        return [int(image.digest.hex, 16) for job in jobs for image in job.images]


@pytest.fixture
def world() -> World:
    """Return a world in which all is judged by the first advisories."""
    world = World()
    world.catch_up(ADVISORIES)
    world.queued()
    return world


def test_the_first_time_takes_all_images() -> None:
    """Nobody knows what they were judged by."""
    world = World()
    world.catch_up(ADVISORIES, keys=frozenset())
    assert world.queued() == [0, 1, 2]


def test_nothing_new_queues_nothing(world: World) -> None:
    """A timer may ask as often as it likes."""
    world.catch_up(ADVISORIES)
    assert world.queued() == []


def test_new_advisories_take_those_that_are_concerned(world: World) -> None:
    """And ask for advisories that are as new."""
    world.images.append(image(3, frozenset({TAR, ZLIB})))
    world.sweeper().catch_up(NEWER, APPLIED, lambda _: frozenset({ZLIB}), unasked)
    world.go_through()
    [job] = [decode_job(message.encode()) for message in world.jobs.messages]
    assert job.since == NEWER.updated_at
    assert not job.may_be_older
    assert world.queued() == [3]


def test_changes_are_asked_for_since_the_last_sweep(world: World) -> None:
    """Whatever this worker had before."""
    asked: list[Digest] = []
    world.sweeper().catch_up(NEWER, APPLIED, asked.append, unasked)
    assert asked == [ADVISORIES.digest]


def test_an_image_of_which_nothing_is_known_is_always_concerned(world: World) -> None:
    """It was judged before look-ups were kept, or has too much in it."""
    world.images = [image(4, None), replace(image(5), against=None)]
    world.catch_up(NEWER, keys=frozenset())
    assert world.queued() == [4, 5]


def test_what_is_no_image_is_never_concerned(world: World) -> None:
    """Signatures have no packages."""
    world.images = [replace(image(4, None), status=Status.NOT_APPLICABLE)]
    world.catch_up(NEWER)
    assert world.queued() == []


def test_a_new_policy_takes_all_images(world: World) -> None:
    """Whatever changed in the advisories beside it."""
    world.catch_up(NEWER, MILD, keys=frozenset())
    assert world.queued() == [0, 1, 2]


def test_older_advisories_are_no_news(world: World) -> None:
    """A worker that is behind sweeps nothing back."""
    world.catch_up(NEWER, keys=frozenset())
    world.catch_up(ADVISORIES)
    assert world.queued() == []


def test_a_late_judgement_by_older_advisories_is_caught_up_with(world: World) -> None:
    """The sweep for the newer ones had gone by."""
    world.catch_up(NEWER, keys=frozenset({TAR}))
    world.queued()
    newest = replace(NEWER, digest=Digest("sha256:" + "af" * 32), updated_at=NOW + 2 * HOUR)
    late, early = (replace(AGAINST, at=NOW + distance) for distance in (HOUR, -5 * HOUR))
    world.images = [replace(image(1), against=late), replace(image(2), against=early)]
    world.catch_up(newest, keys=frozenset({ZLIB}))
    assert world.queued() == [1]


def test_a_sweep_goes_in_stretches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is one message, and none is left out where they meet."""
    monkeypatch.setattr(sweeping, "STRETCH", 2)
    world.images = [image(n) for n in range(5)]
    world.sweeper().begin_full()
    taken = 0
    while world.steps.messages:
        world.sweeper().take(decode_step(world.steps.messages.pop(0).encode()))
        taken += 1
    assert taken == 3
    assert world.queued() == [0, 1, 2, 3, 4]


def test_a_sweep_waits_while_enough_jobs_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place is in the message that comes again; nothing is read meanwhile."""
    monkeypatch.setattr(sweeping, "QUEUE_LIMIT", 1)
    world.sweeper().begin_full()
    world.jobs.messages.append("somebody's")
    [step] = world.steps.messages
    world.sweeper().take(decode_step(step.encode()))
    assert world.steps.messages == [step, step]
    assert world.steps.delays[-1] == sweeping.WAIT_SECONDS
    assert world.jobs.messages == ["somebody's"]
    world.jobs.messages.clear()
    world.sweeper().take(decode_step(step.encode()))
    assert world.queued() == [0, 1, 2]


def test_a_worker_that_died_before_the_note_begins_the_same_sweep(world: World) -> None:
    """So do two workers at once: one sweep, perhaps gone through twice."""
    before = world.sweeps.last
    first = world.sweeper().catch_up(NEWER, APPLIED, lambda _: None, unasked)
    world.sweeps.last = before
    again = world.sweeper().catch_up(NEWER, APPLIED, lambda _: None, unasked)
    assert first is not None
    assert again is not None
    assert first.id == again.id


def test_a_sweep_that_is_gone_is_a_fault() -> None:
    """The step is tried again, and ends on the poison queue."""
    with pytest.raises(StoreError, match="not in the store"):
        World().sweeper().take(SweepStep(sweep="5e" * 16, after=None))
