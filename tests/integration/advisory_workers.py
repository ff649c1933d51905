"""Workers that share advisories through an archive, and a mirror that publishes them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.samples.advisories import write_database
from local.storage import Azurite
from scanner import bolt
from scanner.advisory_ports import AdvisoryArchive
from scanner.storage import StorageConnection
from scanner.trivy import AdvisoryDirectory, SharedAdvisories
from scanner.trivy.advisories import make_ready
from tests.advisory_archive import InMemoryAdvisoryArchive
from tests.advisory_mirror import Mirror, serve_mirror
from tests.integration.test_advisory_archive_azurite import empty_archive
from tests.sandbox_programs import bubblewrap_path, trivy_path

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """Serve an empty mirror."""
    with serve_mirror() as running:
        yield running


@pytest.fixture
def archive() -> InMemoryAdvisoryArchive:
    """Return an empty archive."""
    return InMemoryAdvisoryArchive()


@pytest.fixture
def storage(azurite: Azurite) -> Iterator[StorageConnection]:
    """Real storage without any advisories, before and after."""
    connection = StorageConnection(connection_string=azurite.connection_string)
    empty_archive(connection)
    yield connection
    empty_archive(connection)


def databases(folder: Path, *, updated_at: datetime = NOW, blind: bool = False) -> Path:
    """Write databases, ready to be installed; blind ones know nothing of the canary."""
    write_database(folder, updated_at=updated_at)
    if blind:
        unrelated: bolt.Tree = {"vulnerability": {}, "wolfi": {"bash": {"CVE-1": b"{}"}}}
        bolt.write(folder / "db" / "trivy.db", unrelated)
    make_ready(folder)
    return folder


def worker_on(root: Path, archive: AdvisoryArchive, mirror: Mirror) -> SharedAdvisories:
    """Return a worker with this folder."""
    return SharedAdvisories(
        directory=AdvisoryDirectory(root),
        archive=archive,
        trivy=trivy_path(),
        bubblewrap=bubblewrap_path(),
        sandbox="auto",
        sources=(mirror.source,),
        access_to=lambda _: None,
        clock=lambda: datetime.now(UTC),
    )


def archive_another(
    archive: AdvisoryArchive, folder: Path, *, updated_at: datetime = NOW, blind: bool = False
) -> None:
    """Do what another worker's update does, without its proof."""
    databases(folder, updated_at=updated_at, blind=blind)
    source = AdvisoryDirectory(folder / "installed")
    advisories = source.install(folder, source="mirror.example/trivy-db:2")
    archive.publish(advisories, source.current()[1])
