from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scanner.errors import RegistryError, StoreError
from scanner.model import (
    Digest,
    ImageFacts,
    ImageReference,
    NotApplicable,
    NotApplicableReason,
    Platform,
    Rulebook,
    Severity,
    Status,
    TransitionKind,
    Unexaminable,
    UnknownReason,
)
from scanner.pipeline import Pipeline
from scanner.ports import IndexEntry, ResolvedImage, ResolvedIndex
from scanner.publishing import Publisher
from tests.examples import ADVISORIES, IMAGE, NOW, finding, job, scan_report
from tests.fakes import (
    InMemoryInventoryStore,
    InMemoryReportStore,
    InMemoryStreams,
    RecordingOutbox,
    StubRegistry,
    StubScanner,
    examiner_on,
    pipeline_on,
    publisher_on,
)
from tests.policies import STRICT, strict
from tests.reports import AMD64, ARM64, SCANNER


@dataclass(kw_only=True)
class World:
    """All that a pipeline touches, with state that tests change and look at."""

    scratch: Path
    now: datetime = NOW
    registry: StubRegistry = field(default_factory=StubRegistry)
    scanner: StubScanner = field(
        default_factory=lambda: StubScanner(
            scanner=SCANNER, database=ADVISORIES, otherwise=scan_report()
        )
    )
    inventories: InMemoryInventoryStore = field(default_factory=InMemoryInventoryStore)
    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    outbox: RecordingOutbox = field(default_factory=RecordingOutbox)
    streams: InMemoryStreams = field(default_factory=InMemoryStreams)
    rulebook: Rulebook = STRICT

    def pipeline(self) -> Pipeline:
        """Return the pipeline of a worker that has just started."""
        examiner = examiner_on(self.registry, self.scanner, self.inventories, self.scratch)
        return pipeline_on(examiner, self.store, self.publisher(), clock=lambda: self.now)

    def publisher(self) -> Publisher:
        """Return what stores and tells."""
        return publisher_on(
            self.store,
            self.streams,
            self.outbox,
            rulebook=lambda: self.rulebook,
            clock=lambda: self.now,
        )

    def push_image(
        self, image: ImageReference = IMAGE, platform: Platform = AMD64
    ) -> ImageReference:
        """Put an image into the registry."""
        self.registry.manifests[image.digest] = ResolvedImage(
            reference=image, platform=platform, manifest=b"{}", config=b"{}", facts=FACTS
        )
        return image

    def push_index(self, *platforms: Platform) -> tuple[ImageReference, list[ImageReference]]:
        """Put an index with one image a platform into the registry."""
        children = [
            self.push_image(replace(IMAGE, digest=digest(n + 1), tag=None), platform)
            for n, platform in enumerate(platforms)
        ]
        index = replace(IMAGE, digest=digest(99))
        self.registry.manifests[index.digest] = ResolvedIndex(
            reference=index,
            children=tuple(
                IndexEntry(platform=platform, reference=child)
                for platform, child in zip(platforms, children, strict=True)
            ),
        )
        return index, children


def digest(number: int) -> Digest:
    """Return a digest of its own for each number."""
    return Digest(f"sha256:{number:064x}")


FACTS = ImageFacts(user="app", base_name="debian:12")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with an empty registry."""
    return World(scratch=tmp_path)


def test_a_clean_image_is_stored_and_nobody_is_told(world: World) -> None:
    """The report names what it rests on."""
    report = world.pipeline().judge(job(world.push_image()))
    assert report.verdict.status is Status.HEALTHY
    assert (report.scanner, report.advisories) == (SCANNER, ADVISORIES)
    assert report.facts == FACTS
    assert world.store.find_report(report.id) == report
    assert world.outbox.announced == []


def test_a_vulnerable_image_is_stored_and_told(world: World) -> None:
    """The report that is told is the one that is stored."""
    world.scanner.otherwise = scan_report(finding(Severity.CRITICAL))
    report = world.pipeline().judge(job(world.push_image()))
    assert report.verdict.status is Status.UNHEALTHY
    assert world.outbox.report_ids == [report.id]


def test_nothing_is_left_on_disk(world: World) -> None:
    """The image's layers live as long as its scan."""
    world.pipeline().judge(job(world.push_image()))
    assert list(world.scratch.iterdir()) == []


@pytest.mark.parametrize(
    "seen",
    [
        NotApplicable(reason=NotApplicableReason.SIGNATURE),
        Unexaminable(reason=UnknownReason.FOREIGN_LAYER, detail="a layer is elsewhere"),
    ],
)
def test_what_the_registry_says_ends_in_a_verdict(
    world: World, seen: NotApplicable | Unexaminable
) -> None:
    """Nothing is pulled for it."""
    world.registry.manifests[IMAGE.digest] = seen
    report = world.pipeline().judge(job())
    assert report.verdict.reason is seen.reason
    assert world.registry.pulled == []


def test_an_image_that_cannot_be_pulled_whole_is_unknown(world: World) -> None:
    """It is never handed to the scanner."""
    world.push_image()
    world.registry.unpullable[IMAGE.digest] = Unexaminable(
        reason=UnknownReason.CORRUPT_LAYER, detail="layer 1"
    )
    report = world.pipeline().judge(job())
    assert (report.verdict.status, report.platform) == (Status.UNKNOWN, AMD64)
    assert world.scanner.matched == []


def test_each_platform_of_an_index_has_its_own_result(world: World) -> None:
    """The index is unhealthy if one platform is, and is what people are told of."""
    index, (amd64, arm64) = world.push_index(AMD64, ARM64)
    world.scanner.seen[(arm64.digest,)] = scan_report(finding())
    report = world.pipeline().judge(job(index))
    assert report.verdict.status is Status.UNHEALTHY
    assert [str(entry.verdict) for entry in report.platforms] == ["healthy", "unhealthy"]
    assert world.outbox.report_ids == [report.id]
    for child, status in ((amd64, Status.HEALTHY), (arm64, Status.UNHEALTHY)):
        current = world.store.current(child)
        assert current is not None
        assert (current.status, current.part_of) == (status, index.digest)


def test_an_index_that_calls_an_index_an_image_ends(world: World) -> None:
    """It may even name itself, were digests not what they are."""
    index, _ = world.push_index(AMD64)
    world.registry.manifests[index.digest] = ResolvedIndex(
        reference=index, children=(IndexEntry(platform=AMD64, reference=index),)
    )
    report = world.pipeline().judge(job(index))
    assert report.verdict.reason is UnknownReason.MALFORMED_MANIFEST


def test_an_index_with_a_platform_that_is_gone_is_not_healthy(world: World) -> None:
    """What the registry no longer has was not examined."""
    index, (_, arm64) = world.push_index(AMD64, ARM64)
    del world.registry.manifests[arm64.digest]
    world.now += timedelta(minutes=5)
    report = world.pipeline().judge(job(index))
    assert report.verdict.reason is UnknownReason.INCOMPLETE


def test_a_repeat_is_answered_from_what_is_known(world: World) -> None:
    """The same image, scanner, advisories and policy: nothing is pulled again."""
    world.scanner.otherwise = scan_report(finding())
    first = world.pipeline().judge(job(world.push_image()))
    world.now += timedelta(hours=1)
    again = world.pipeline().judge(job(replace(IMAGE, tag="latest"), requested_at=world.now))
    assert again.id == first.id
    assert world.registry.pulled == [IMAGE.digest]
    assert world.outbox.report_ids == [first.id]
    assert world.store.resolve_tag(IMAGE.registry, IMAGE.repository, "latest") == IMAGE.digest


def _newer_scanner(world: World) -> None:
    world.scanner.scanner = replace(SCANNER, version="0.77.0")


def _newer_advisories(world: World) -> None:
    world.scanner.database = replace(ADVISORIES, digest=digest(7))


def _stricter_policy(world: World) -> None:
    world.rulebook = strict(Severity.LOW)


@pytest.mark.parametrize("change", [_newer_scanner, _newer_advisories, _stricter_policy])
def test_changed_inputs_are_judged_anew(world: World, change: Callable[[World], None]) -> None:
    """A verdict is a function of its inputs."""
    first = world.pipeline().judge(job(world.push_image()))
    change(world)
    assert world.pipeline().judge(job()).id != first.id
    assert len(world.scanner.matched) == 2


def test_advisories_that_went_stale_are_not_answered_from_what_is_known(world: World) -> None:
    """Age is checked on every verdict."""
    world.pipeline().judge(job(world.push_image()))
    world.now += timedelta(hours=73)
    report = world.pipeline().judge(job())
    assert report.verdict.reason is UnknownReason.STALE_ADVISORIES


def test_an_image_that_was_deleted_and_pushed_again_is_examined(world: World) -> None:
    """The same digest is there again."""
    world.now += timedelta(minutes=5)
    assert world.pipeline().judge(job()).verdict.reason is NotApplicableReason.DELETED
    world.push_image()
    assert world.pipeline().judge(job()).verdict.status is Status.HEALTHY


def test_what_was_unknown_is_examined_again(world: World) -> None:
    """A limit that was reached once may not be reached the next time."""
    world.push_image()
    world.scanner.otherwise = Unexaminable(reason=UnknownReason.TIMEOUT, detail="480 s")
    world.pipeline().judge(job())
    world.scanner.otherwise = scan_report()
    later = job(requested_at=world.now + timedelta(seconds=1))
    assert world.pipeline().judge(later).verdict.status is Status.HEALTHY


def test_an_unknown_stands_for_the_duplicates_of_its_push(world: World) -> None:
    """Fifty deliveries of an image that times out cost one scan; ten minutes later it is new."""
    world.push_image()
    world.scanner.otherwise = Unexaminable(reason=UnknownReason.TIMEOUT, detail="480 s")
    for _ in range(3):
        world.pipeline().judge(job())
    assert len(world.scanner.matched) == 1
    world.now += timedelta(minutes=11)
    world.pipeline().judge(job())
    assert len(world.scanner.matched) == 2


def test_a_manifest_that_is_not_there_yet_is_waited_for(world: World) -> None:
    """A replica can announce a push before it has the manifest."""
    with pytest.raises(RegistryError, match="not in the registry yet"):
        world.pipeline().judge(job())
    world.push_image()
    assert world.pipeline().judge(job()).verdict.status is Status.HEALTHY


def test_a_platform_that_fails_hides_no_unhealthy_one(world: World) -> None:
    """The index is told as unhealthy at once, and the job goes on being tried."""
    index, (amd64, arm64) = world.push_index(AMD64, ARM64)
    world.scanner.seen[(amd64.digest,)] = scan_report(finding())
    world.registry.broken[arm64.digest] = RegistryError("away")
    with pytest.raises(RegistryError, match="away"):
        world.pipeline().judge(job(index))
    assert [told.image for told in world.outbox.announced] == [index]
    del world.registry.broken[arm64.digest]
    report = world.pipeline().judge(job(index))
    assert [str(entry.verdict) for entry in report.platforms] == ["unhealthy", "healthy"]
    assert len(world.outbox.announced) == 1


def test_an_indexs_report_names_each_deciding_finding_once(world: World) -> None:
    """However many platforms share it."""
    index, _ = world.push_index(AMD64, ARM64)
    world.scanner.otherwise = scan_report(finding())
    report = world.pipeline().judge(job(index))
    assert report.verdict.violations == (finding(),)
    assert all(not entry.verdict.violations for entry in report.platforms)


@pytest.mark.parametrize("port", ["registry", "scanner", "store", "outbox"])
def test_our_own_faults_leave_the_job_to_the_queue(world: World, port: str) -> None:
    """Once the fault is mended, the retry ends as if nothing had happened."""
    world.scanner.otherwise = scan_report(finding())
    world.push_image()
    getattr(world, port).outage = StoreError("away") if port == "store" else RegistryError("away")
    with pytest.raises((RegistryError, StoreError), match="away"):
        world.pipeline().judge(job())
    getattr(world, port).outage = None
    report = world.pipeline().judge(job())
    assert world.store.find_report(report.id) == report
    assert world.outbox.report_ids == [report.id]
    assert list(world.scratch.iterdir()) == []


def test_an_older_scan_that_ends_late_is_neither_current_nor_told(world: World) -> None:
    """Of two scans the one that began later says what is current."""
    world.push_image()
    late = world.pipeline()
    world.now += timedelta(minutes=1)
    newer = world.pipeline().judge(job())
    world.now -= timedelta(minutes=1)
    world.scanner.database = replace(ADVISORIES, digest=digest(7))
    world.scanner.otherwise = scan_report(finding())
    late.judge(job())
    current = world.store.current(IMAGE)
    assert current is not None
    assert current.report_id == newer.id
    assert world.outbox.announced == []


def test_an_abandoned_job_is_unknown_and_told(world: World) -> None:
    """A push never ends in silence, not even when nothing works."""
    world.scanner.outage = RegistryError("away")
    report = world.publisher().abandon(job(), detail="five tries", now=world.now)
    assert report.verdict.reason is UnknownReason.ABANDONED
    assert world.outbox.report_ids == [report.id]


def test_an_abandoned_job_leaves_a_later_verdict_alone(world: World) -> None:
    """Another push of the same digest has been judged since."""
    world.now += timedelta(minutes=5)
    world.pipeline().judge(job(world.push_image()))
    world.publisher().abandon(job(), detail="five tries", now=world.now)
    current = world.store.current(IMAGE)
    assert current is not None
    assert current.status is Status.HEALTHY
    assert world.outbox.announced == []


def test_a_verdict_that_was_stored_and_never_told_is_told_when_its_job_is_given_up(
    world: World,
) -> None:
    """The outbox failed each time, so only the job's end can still tell of what stands."""
    world.scanner.otherwise = scan_report(finding(Severity.CRITICAL))
    world.now += timedelta(minutes=5)
    world.outbox.outage = StoreError("away")
    with pytest.raises(StoreError):
        world.pipeline().judge(job(world.push_image()))
    world.outbox.outage = None
    world.publisher().abandon(job(), detail="five tries", now=world.now)
    [told] = world.outbox.announced
    assert told.kind is TransitionKind.NEWLY_UNHEALTHY


def test_a_job_that_asks_for_another_look_gets_it_once(world: World) -> None:
    """Though the verdict still stands; a redelivery of the same job is answered by the new look."""
    image = world.push_image()
    world.pipeline().judge(job(image))
    world.now += timedelta(hours=1)
    again = replace(job(image, requested_at=world.now), not_before=world.now)
    world.pipeline().judge(again)
    assert len(world.scanner.matched) == 2
    current = world.store.current(image)
    assert current is not None
    assert current.as_of == world.now
    world.now += timedelta(minutes=1)
    world.pipeline().judge(again)
    assert len(world.scanner.matched) == 2


def test_another_look_at_an_index_looks_at_each_platform(world: World) -> None:
    """Whoever asked for the index meant its images; they need not be asked for as well."""
    index, children = world.push_index(AMD64, ARM64)
    world.pipeline().judge(job(index))
    world.now += timedelta(hours=1)
    for image in (index, *children):
        world.pipeline().judge(replace(job(image, requested_at=world.now), not_before=world.now))
    assert len(world.scanner.matched) == 4
