"""Workers share their advisories: one fetches them, the others take them from storage."""

from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import AdvisoriesError
from scanner.model import ScanReport
from scanner.storage import StorageConnection
from scanner.store.advisory_archive import AzureAdvisoryArchive
from scanner.trivy import SharedAdvisories, TrivyScanner
from scanner.trivy.canary import write_canary
from tests.advisory_archive import InMemoryAdvisoryArchive
from tests.advisory_mirror import Mirror
from tests.integration.advisory_workers import (
    HOUR,
    NOW,
    archive,
    archive_another,
    databases,
    mirror,
    storage,
    worker_on,
)
from tests.layered import scan

pytestmark = pytest.mark.integration
__all__ = ["archive", "mirror", "storage"]


def report_by(worker: SharedAdvisories, folder: Path) -> ScanReport:
    """Examine the canary as this worker does."""
    folder.mkdir()
    write_canary(folder / "image")
    (folder / "scratch").mkdir()
    scanner = TrivyScanner(
        trivy=worker.trivy,
        bubblewrap=worker.bubblewrap,
        directory=worker.directory,
        shared=worker,
        scratch=folder / "scratch",
    )
    seen = scan(scanner, folder / "image")
    assert isinstance(seen, ScanReport)
    return seen


def test_a_new_worker_starts_from_storage(
    storage: StorageConnection, mirror: Mirror, tmp_path: Path
) -> None:
    """It sees what the first one sees, and asks no publisher."""
    mirror.publish(databases(tmp_path / "published"))
    first = worker_on(tmp_path / "first", AzureAdvisoryArchive.connect(storage), mirror)
    updated = first.update()
    report = report_by(first, tmp_path / "report")
    asked = list(mirror.asked)
    assert asked

    second = worker_on(tmp_path / "second", AzureAdvisoryArchive.connect(storage), mirror)
    assert report_by(second, tmp_path / "again") == report
    assert report.findings
    assert second.directory.current()[0] == updated
    assert mirror.asked == asked


def test_a_worker_switches_to_what_is_newer(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Before its next job; what a job has begun with can still be found."""
    worker = worker_on(tmp_path / "worker", archive, mirror)
    before = worker.directory.install(
        databases(tmp_path / "old", updated_at=NOW - HOUR), source="x"
    )
    archive_another(archive, tmp_path / "new")
    worker.follow()
    current, _ = worker.directory.current()
    assert current.updated_at == NOW
    assert current.source == "mirror.example/trivy-db:2"
    assert before.digest != current.digest
    assert worker.directory.find(before).name == before.digest.hex


def test_a_look_is_cheap(archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path) -> None:
    """One small read in fifteen seconds, however many jobs there are."""
    worker = worker_on(tmp_path / "worker", archive, mirror)
    archive_another(archive, tmp_path / "new")
    worker.follow()
    looks = archive.looks
    for _ in range(50):
        worker.follow()
    assert (archive.looks, archive.fetches) == (looks, 1)


def test_a_worker_keeps_what_is_newer_than_the_archive(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Nothing goes backwards in time unasked."""
    worker = worker_on(tmp_path / "worker", archive, mirror)
    worker.directory.install(databases(tmp_path / "new"), source="x")
    archive_another(archive, tmp_path / "old", updated_at=NOW - HOUR, blind=True)
    worker.follow()
    assert worker.directory.current()[0].updated_at == NOW
    assert archive.fetches == 0


def test_without_any_advisories_a_worker_is_not_ready(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Whether none were ever archived or storage is out of reach: the job is tried again."""
    worker = worker_on(tmp_path / "worker", archive, mirror)
    scanner = TrivyScanner(
        trivy=worker.trivy,
        bubblewrap=worker.bubblewrap,
        directory=worker.directory,
        shared=worker,
        scratch=tmp_path,
    )
    with pytest.raises(AdvisoriesError, match="run `pushscan advisories update`"):
        scanner.advisories()
    worker = worker_on(tmp_path / "worker", replace(archive, is_out_of_reach=True), mirror)
    with pytest.raises(AdvisoriesError, match="nor from storage: storage is out of reach"):
        replace(scanner, shared=worker).advisories()


def test_storage_out_of_reach_leaves_what_is_in_place(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Its age still counts; and storage is not asked for each job."""
    worker = worker_on(tmp_path / "worker", archive, mirror)
    current = worker.directory.install(databases(tmp_path / "new"), source="x")
    archive.is_out_of_reach = True
    for _ in range(3):
        worker.follow()
    assert worker.directory.current()[0] == current
    assert archive.looks == 1


@pytest.mark.parametrize("damage", ["blind", "swapped", "mislabelled"])
def test_what_is_archived_is_proved_again(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path, damage: str
) -> None:
    """In this worker's own sandbox; what fails is fetched once, and nothing is left of it."""
    worker = worker_on(tmp_path / "worker", archive, mirror)
    current = worker.directory.install(
        databases(tmp_path / "old", updated_at=NOW - HOUR), source="x"
    )
    archive_another(archive, tmp_path / "new", blind=damage == "blind")
    assert archive.current is not None
    if damage == "swapped":
        archive.blobs = dict.fromkeys(archive.blobs, b"another")
    if damage == "mislabelled":
        archive.current = replace(archive.current, digest=archive.current.java_digest)
    for _ in range(3):
        worker.follow()
    assert worker.directory.current()[0] == current
    assert archive.fetches == 1
    names = {entry.name for entry in worker.directory.root.iterdir()}
    assert names == {"current", ".lock", current.digest.hex}


def test_a_sample_gives_way_to_whatever_is_archived(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Its date means nothing."""
    worker = worker_on(tmp_path / "worker", archive, mirror)
    worker.directory.install(databases(tmp_path / "sample", blind=True), source="bundled-sample")
    archive_another(archive, tmp_path / "new", updated_at=NOW - HOUR)
    worker.follow()
    assert worker.directory.current()[0].updated_at == NOW - HOUR
