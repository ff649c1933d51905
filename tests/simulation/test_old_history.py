"""Old examinations removed under kills, against all that may still be asked about them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from scanner.cli.past import known_at
from scanner.errors import StoreError
from scanner.model import Digest, ImageReference, PlatformVerdict, Report
from scanner.store.azure_store import AzureReportStore
from scanner.store.old_history import OldHistory
from tests.examples import REGISTRY
from tests.reports import AMD64, deleted_report, healthy_report
from tests.simulation.cloud import Cloud
from tests.simulation.perils import Clock, Killed, Perils

DAY = timedelta(days=1)
KEPT = 400 * DAY
_REPOSITORIES = ("shop", "shop/cart", "base")


@dataclass(kw_only=True)
class Archive:
    """A storage account with years of examinations in it."""

    chance: random.Random
    clock: Clock = field(default_factory=Clock)
    perils: Perils = field(init=False)
    cloud: Cloud = field(init=False)
    latest: dict[str, Report] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.perils = Perils(chance=self.chance)
        self.cloud = Cloud(perils=self.perils, clock=self.clock)

    @property
    def _services(self) -> Any:  # noqa: ANN401  two service clients in one
        return cast("Any", self.cloud)

    def store(self) -> AzureReportStore:
        """Return the store."""
        return AzureReportStore(self._services, self._services)

    def removal(self) -> OldHistory:
        """Return the removal as a process that has just started has it."""
        return OldHistory(self._services, self._services, self.clock.now)

    def image(self, number: int) -> ImageReference:
        """Name one of the images."""
        return ImageReference(
            registry=REGISTRY,
            repository=_REPOSITORIES[number % len(_REPOSITORIES)],
            digest=Digest.of(f"{number}".encode()),
        )

    def live_through(self, days: int) -> None:
        """Examine images of all kinds, some on many days and some on few."""
        for _ in range(days):
            self.clock.pass_by(DAY)
            for number in range(12):
                if self.chance.random() < 0.4 / (1 + number):
                    self._examine(number)

    def _examine(self, number: int) -> None:
        image, moment = self.image(number), self.clock.now()
        drawn = self.chance.random()
        if drawn < 0.1:
            # The same id each time, as `identified` gives it.
            report = replace(deleted_report(), id=f"deleted-{image.digest.hex[:32]}")
        elif drawn < 0.4 and (platforms := self._platforms(image)):
            report = replace(healthy_report(), platforms=platforms, id=self._id())
        else:
            report = replace(healthy_report(), id=self._id())
        report = replace(
            report,
            image=image,
            requested_at=moment - timedelta(minutes=2),
            as_of=moment,
            finished_at=moment + timedelta(minutes=1),
        )
        self.store().save(report)
        self.latest[str(image)] = report

    def _id(self) -> str:
        return f"{self.chance.getrandbits(256):064x}"

    def _platforms(self, index: ImageReference) -> tuple[PlatformVerdict, ...]:
        """Return what is current of some other images of the repository, as an index has it."""
        others = [
            one
            for one in self.latest.values()
            if one.image.repository == index.repository
            and one.image.digest != index.digest
            and not one.platforms
        ]
        return tuple(
            PlatformVerdict(
                platform=AMD64,
                digest=one.image.digest,
                verdict=one.verdict,
                report_id=one.id,
                counts={},
            )
            for one in others[:2]
        )

    # What may be asked

    def answers(self) -> dict[tuple[int, int], object]:
        """Return what was in force of each image on each of the days that are kept."""
        found: dict[tuple[int, int], object] = {}
        for number in range(12):
            history = list(self.store().history(self.image(number)))
            for day in range(0, KEPT.days, 7):
                found[number, day] = known_at(history, self.clock.moment - day * DAY)
        return found

    def named(self) -> set[str]:
        """Return the reports that any row names, with those of the platforms that these name."""
        named: set[str] = set()
        for number in range(12):
            image = self.image(number)
            named |= {past.report_id for past in self.store().history(image)}
            if current := self.store().current(image):
                named |= {current.report_id, current.report_before}
        for report_id in named - {""}:
            report = self.store().find_report(report_id)
            assert report is not None, f"{report_id} is named and not there"
            named = named | {entry.report_id for entry in report.platforms}
        return named - {""}

    def stored(self) -> set[str]:
        """Return the reports that are there."""
        blobs = self.cloud.get_container_client("reports").blobs
        return {name.removesuffix(".json") for name in blobs}


@pytest.fixture(params=range(6))
def archive(request: pytest.FixtureRequest) -> Archive:
    """Four years of examinations."""
    archive = Archive(chance=random.Random(request.param))  # noqa: S311  it shall be foreseeable
    archive.live_through(1_460)
    archive.clock.pass_by(2 * DAY)
    return archive


def remove(archive: Archive) -> int:
    """Run the removal until a run comes to its end, whoever is killed; say how often one was."""
    archive.perils.killing, archive.perils.failing = 0.001, 0.001
    interrupted = 0
    while True:
        try:
            with archive.perils.attempt():
                archive.removal().remove(KEPT)
        except (Killed, StoreError):
            interrupted += 1
        else:
            archive.perils.end()
            return interrupted


def test_what_may_be_asked_stays_and_all_else_goes(archive: Archive) -> None:
    """However often the removal is killed, and at whatever step."""
    asked, reports = archive.answers(), archive.stored()
    assert archive.named() == reports
    interrupted = remove(archive)
    assert interrupted > 3
    assert archive.answers() == asked
    assert archive.named() == archive.stored()
    assert len(archive.stored()) < len(reports) / 2


def test_a_second_run_finds_nothing_more(archive: Archive) -> None:
    """And a run some months later goes on from the beginning."""
    archive.removal().remove(KEPT)
    left = archive.stored()
    archive.removal().remove(KEPT)
    assert archive.stored() == left
    archive.live_through(100)
    asked = archive.answers()
    archive.removal().remove(KEPT)
    assert archive.answers() == asked
    assert archive.named() == archive.stored()
    assert left - archive.stored()


def test_a_run_ends_with_its_time_and_the_next_goes_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each leaves everything in order."""
    monkeypatch.setattr("scanner.store.old_history.BUDGET", timedelta(0))
    asked = archive.answers()
    sizes: list[int] = []
    while not sizes or len(archive.stored()) < sizes[-1] or len(sizes) < 13:
        sizes.append(len(archive.stored()))
        archive.removal().remove(KEPT)
        assert archive.answers() == asked
        assert archive.named() == archive.stored()
    assert len(set(sizes)) > 3


def test_a_report_that_is_wanted_again_while_it_is_removed_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its image was deleted once more, just when nobody was found to name the first deletion."""
    archive = Archive(chance=random.Random(0))  # noqa: S311  likewise
    image = archive.image(0)
    first = _dated(replace(deleted_report(), image=image, id="deleted"), archive.clock.now())
    for report in (first, _dated(replace(healthy_report(), image=image), archive.clock.now())):
        archive.store().save(report)
    archive.clock.pass_by(KEPT + 2 * DAY)
    removal = archive.removal()
    named_in = removal._named_in  # noqa: SLF001  the one moment between two requests

    def come_between(repository: str) -> Iterator[str]:
        yield from named_in(repository)
        archive.store().save(_dated(first, archive.clock.now()))

    monkeypatch.setattr(removal, "_named_in", come_between)
    removal.remove(KEPT)
    assert archive.store().find_report("deleted") is not None
    current = archive.store().current(image)
    assert current is not None
    assert current.report_id == "deleted"


def test_the_report_of_a_deleted_image_stays(archive: Archive) -> None:
    """Its row names it for as long as there is one: what it was before."""
    image = replace(archive.image(0), digest=Digest.of(b"deleted long ago"))
    archive.clock.pass_by(-KEPT - 100 * DAY)
    for report in (replace(healthy_report(), id="before"), replace(deleted_report(), id="gone")):
        archive.store().save(_dated(replace(report, image=image), archive.clock.now()))
    archive.clock.pass_by(KEPT + 100 * DAY)
    archive.removal().remove(KEPT)
    assert [past.report_id for past in archive.store().history(image)] == ["gone"]
    assert archive.store().find_report("before") is not None


def _dated(report: Report, moment: datetime) -> Report:
    return replace(report, requested_at=moment, as_of=moment, finished_at=moment)
