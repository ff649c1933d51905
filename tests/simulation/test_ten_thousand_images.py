import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from scanner.model import Digest, ImageReference
from scanner.reconcile import unjudged
from scanner.reprocess import Selection
from scanner.wiring import JOB_QUEUE
from tests.examples import REGISTRY
from tests.reports import healthy_report
from tests.simulation.perils import START
from tests.simulation.world import World

IMAGES, REPOSITORIES = 10_000, 50
LIMIT_BYTES = 2 << 20
"""Beside what the fakes keep: five times what it takes, half of what all verdicts at once take."""


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Fail if more is held at once than the limit, beside what is held in the end."""
    tracemalloc.start()
    try:
        yield
        kept, peak = tracemalloc.get_traced_memory()
        print(f"peak {(peak - kept) / 2**20:.1f} MiB above {kept / 2**20:.1f} MiB kept by fakes")  # noqa: T201  pytest shows it with -rP
        assert peak - kept < LIMIT_BYTES
    finally:
        tracemalloc.stop()


def test_ten_thousand_images_are_reconciled_page_by_page(tmp_path: Path) -> None:
    """First all are unseen, then all are judged, then all are gone."""
    world = World(0, tmp_path)
    world.catalogue.page_size = 100
    world.clock.pass_by(timedelta(hours=1))
    images = [
        ImageReference(
            registry=REGISTRY,
            repository=f"team-{number % REPOSITORIES}/app",
            digest=Digest.of(f"{number}".encode()),
            tag=f"v{number}",
        )
        for number in range(IMAGES)
    ]
    for image in images:
        world.catalogue.add(image, updated_at=START)
    queue = world.cloud.queue(JOB_QUEUE)

    queued = 0
    with bounded_memory():
        while queued < IMAGES:
            tally = world.reconcile()
            assert tally is not None
            assert tally.queued == len(queue.messages) <= 1_000
            queued += tally.queued
            queue.messages.clear()
        assert sum(1 for _ in unjudged(world.store, world.sightings)) == IMAGES

    for image in images:
        report = replace(healthy_report(as_of=START), id=image.digest.hex, image=image)
        world.store.save(report)
    with bounded_memory():
        tally = world.reconcile()
        assert tally is not None
        assert (tally.listed, tally.unseen, tally.vanished) == (IMAGES, 0, 0)
        assert sum(1 for _ in unjudged(world.store, world.sightings)) == 0
        assert sum(1 for _ in Selection(repository="*").images(world.store)) == IMAGES

    for repository in world.catalogue.listed[REGISTRY].values():
        repository.clear()
    vanished = 0
    with bounded_memory():
        tally = world.reconcile()
        assert tally is not None
        vanished = tally.vanished
    assert vanished == len(queue.messages) == 1_000  # no more may wait at once
    world.close()
