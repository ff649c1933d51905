"""Stored images after a change of the advisories: our sweeps, beside Trivy one image at a time."""

import logging
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from bench import fleet, sizes
from bench.databases import write_database
from bench.fleet import Fleet, StoredImage
from bench.one_by_one import by_image, by_sbom
from bench.rounds import MeasurementError
from bench.rows import Row, at_least
from local.stack import BUBBLEWRAP, TRIVY
from local.storage import Azurite
from scanner import settings
from scanner.jobs import job_id
from scanner.judging import judged
from scanner.model import ScanJob, ScanReport
from scanner.publishing import draft
from scanner.rejudge_messages import RejudgeJob, decode_job, decode_step
from scanner.trivy import AdvisoryDirectory
from scanner.wiring import REJUDGE_QUEUE, SWEEP_QUEUE, Wiring, storage_connection

_SBOM_SAMPLE: Final = 60
_ALONE_SAMPLE: Final = 60
_ROUNDS: Final = 1
_MINIMUM: Final = 5.0
_SECONDS_OF_A_MESSAGE: Final = 600


def measure(home: Path, _advisories: Path, built: Path) -> list[Row]:
    """Store a fleet, then judge it again in every way. Raises MeasurementError."""
    del built
    with Azurite(home / "azurite") as azurite:
        directory = AdvisoryDirectory(home / "advisories")
        _learn(home, directory, generation=0)
        wiring = _wiring(home, azurite.connection_string)
        for queue in (SWEEP_QUEUE, REJUDGE_QUEUE):
            storage_connection(wiring.settings.storage).queue(queue).create_queue()
        scanner = wiring.scanner
        advisories, databases = directory.current()
        made = Fleet.build(home / "fleet", scanner, advisories, databases)
        _store(made.images(), wiring)
        wiring.catch_up()
        _work(wiring)
        by_sbom_rate = by_sbom(made, home / "sbom", directory, _SBOM_SAMPLE)
        by_image_rate = by_image(made, home / "image", directory)
        full, narrowed = [], []
        for number in range(_ROUNDS):
            _learn(home, directory, generation=2 * number + 1)
            full.append(_rate(partial(_sweep_all, wiring)))
            _learn(home, directory, generation=2 * number + 2)
            narrowed.append(_rate(partial(_catch_up, wiring)))
        _learn(home, directory, generation=2 * _ROUNDS + 1)
        alone = _alone(made, wiring)
        rows = [
            *_rows("full sweep, 50 a job", statistics.median(full), by_sbom_rate, by_image_rate),
            *_rows("narrowed to 1 of 20", statistics.median(narrowed), by_sbom_rate, by_image_rate),
            *_rows("one run of Trivy an image", alone, by_sbom_rate, by_image_rate),
        ]
        return [*rows, *sizes.measure(home / "sizes", made, wiring.scanner)]


def _rows(way: str, rate: float, by_sbom_rate: float, by_image_rate: float) -> Iterable[Row]:
    row = partial(Row, name=f"{fleet.IMAGES} stored images, {way}", unit="/s", ours=rate)
    is_goal = way.startswith("full")
    yield row(
        peer=by_sbom_rate, peer_name="trivy sbom", goal=at_least(_MINIMUM) if is_goal else None
    )
    yield row(peer=by_image_rate, peer_name="trivy image, layers at hand")


def _learn(home: Path, directory: AdvisoryDirectory, *, generation: int) -> None:
    new = home / f"new-{generation}"
    write_database(new, generation=generation)
    directory.install(new, source="bench")


def _wiring(home: Path, connection_string: str) -> Wiring:
    return Wiring(
        settings.read(
            {
                "AzureWebJobsStorage": connection_string,
                "PUSHSCAN_STORAGE": connection_string,
                "PUSHSCAN_REGISTRIES": fleet.REGISTRY,
                "PUSHSCAN_WEBHOOK_SECRETS": "x" * 40,
                "PUSHSCAN_ADVISORIES": str(home / "advisories"),
                "PUSHSCAN_TRIVY": str(TRIVY),
                "PUSHSCAN_BUBBLEWRAP": str(BUBBLEWRAP),
            }
        )
    )


def _store(images: Iterable[StoredImage], wiring: Wiring) -> None:
    """Store what a push of each image would have left."""
    scanner, inventories = wiring.scanner, wiring.inventories
    advisories, described = scanner.advisories(), scanner.describe()
    rulebook = wiring.rulebooks.current()
    profile, now = scanner.profile(advisories), datetime.now(UTC)
    pushed = list(images)
    seen = scanner.match_all((image.layered for image in pushed), advisories=advisories)

    def keep(image: StoredImage, scan: ScanReport) -> None:
        for layer in image.layers:
            inventories.save(profile, layer)
        job = ScanJob(id=job_id(image.name), image=image.name, requested_at=now)
        begun = replace(
            draft(job, image.name, rulebook=rulebook, tag=None, as_of=now, now=now),
            scanner=described,
            advisories=advisories,
            layers=tuple(layer.diff_id for layer in image.layers),
        )
        wiring.store.save(judged(begun, scan, rulebook))

    with ThreadPoolExecutor(4) as side_by_side:
        for done in [
            side_by_side.submit(keep, image, scan)
            for image, scan in zip(pushed, seen, strict=True)
            if isinstance(scan, ScanReport)
        ]:
            done.result()


def _rate(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return fleet.IMAGES / (time.monotonic() - began)


def _sweep_all(wiring: Wiring) -> None:
    wiring.sweeper.begin_full()
    _work(wiring)


def _catch_up(wiring: Wiring) -> None:
    wiring.catch_up()
    _work(wiring)


def _work(wiring: Wiring) -> None:
    """Do all that waits, one message at a time, as a worker does."""
    storage = storage_connection(wiring.settings.storage)
    steps, jobs = storage.queue(SWEEP_QUEUE), storage.queue(REJUDGE_QUEUE)
    while True:
        job = jobs.receive_message(visibility_timeout=_SECONDS_OF_A_MESSAGE)
        if job is not None:
            wiring.rejudger.judge(decode_job(job.content.encode()))
            jobs.delete_message(job)
            continue
        step = steps.receive_message(visibility_timeout=_SECONDS_OF_A_MESSAGE)
        if step is None:
            return
        wiring.sweeper.take(decode_step(step.content.encode()))
        steps.delete_message(step)


def _alone(made: Fleet, wiring: Wiring) -> float:
    began = time.monotonic()
    for image in made.images(_ALONE_SAMPLE):
        wiring.rejudger.judge(RejudgeJob(images=(image.name,)))
        current = wiring.store.current(image.name)
        if current is None or current.against is None:
            raise MeasurementError(f"{image.name} was not judged")
    return _ALONE_SAMPLE / (time.monotonic() - began)


logging.getLogger("azure").setLevel(logging.WARNING)
