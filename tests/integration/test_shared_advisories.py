"""Workers share their advisories: one fetches them, the others take them from storage."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import azure.functions as func
import pytest
from azure.identity import ManagedIdentityCredential

from function_app import advisories
from local.acr import RegistryStandIn
from local.certificates import Certificates
from local.samples.advisories import write_database
from local.storage import Azurite
from scanner import bolt, settings
from scanner.advisory_ports import AdvisoryArchive
from scanner.errors import AdvisoriesError
from scanner.model import ScanReport
from scanner.model.advisory_source import AdvisorySource
from scanner.registry import AcrRegistry
from scanner.storage import StorageConnection
from scanner.store.advisory_archive import AzureAdvisoryArchive
from scanner.trivy import AdvisoryDirectory, SharedAdvisories, TrivyScanner
from scanner.trivy.advisories import make_ready
from scanner.trivy.canary import write_canary
from scanner.wiring import Wiring
from tests.advisory_archive import InMemoryAdvisoryArchive
from tests.advisory_mirror import Mirror, serve_mirror
from tests.examples import WEBHOOK_SECRET
from tests.integration.test_advisory_archive_azurite import empty_archive
from tests.layered import scan
from tests.sandbox_programs import bubblewrap_path, trivy_path

pytestmark = pytest.mark.integration

_NOW = datetime.now(UTC)
_HOUR = timedelta(hours=1)


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


def _databases(folder: Path, *, updated_at: datetime = _NOW, blind: bool = False) -> Path:
    write_database(folder, updated_at=updated_at)
    if blind:
        unrelated: bolt.Tree = {"vulnerability": {}, "wolfi": {"bash": {"CVE-1": b"{}"}}}
        bolt.write(folder / "db" / "trivy.db", unrelated)
    make_ready(folder)
    return folder


def _worker(root: Path, archive: AdvisoryArchive, mirror: Mirror) -> SharedAdvisories:
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


def _archive_another(
    archive: AdvisoryArchive, folder: Path, *, updated_at: datetime = _NOW, blind: bool = False
) -> None:
    """Do what another worker's update does, without its proof."""
    _databases(folder, updated_at=updated_at, blind=blind)
    source = AdvisoryDirectory(folder / "installed")
    advisories = source.install(folder, source="mirror.example/trivy-db:2")
    archive.publish(advisories, source.current()[1])


def _report(worker: SharedAdvisories, folder: Path) -> ScanReport:
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
    mirror.publish(_databases(tmp_path / "published"))
    first = _worker(tmp_path / "first", AzureAdvisoryArchive.connect(storage), mirror)
    updated = first.update()
    report = _report(first, tmp_path / "report")
    asked = list(mirror.asked)
    assert asked

    second = _worker(tmp_path / "second", AzureAdvisoryArchive.connect(storage), mirror)
    assert _report(second, tmp_path / "again") == report
    assert report.findings
    assert second.directory.current()[0] == updated
    assert mirror.asked == asked


def test_a_worker_switches_to_what_is_newer(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Before its next job; what a job has begun with can still be found."""
    worker = _worker(tmp_path / "worker", archive, mirror)
    before = worker.directory.install(
        _databases(tmp_path / "old", updated_at=_NOW - _HOUR), source="x"
    )
    _archive_another(archive, tmp_path / "new")
    worker.follow()
    current, _ = worker.directory.current()
    assert current.updated_at == _NOW
    assert current.source == "mirror.example/trivy-db:2"
    assert before.digest != current.digest
    assert worker.directory.find(before).name == before.digest.hex


def test_a_look_is_cheap(archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path) -> None:
    """One small read in fifteen seconds, however many jobs there are."""
    worker = _worker(tmp_path / "worker", archive, mirror)
    _archive_another(archive, tmp_path / "new")
    worker.follow()
    looks = archive.looks
    for _ in range(50):
        worker.follow()
    assert (archive.looks, archive.fetches) == (looks, 1)


def test_a_worker_keeps_what_is_newer_than_the_archive(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Nothing goes backwards in time unasked."""
    worker = _worker(tmp_path / "worker", archive, mirror)
    worker.directory.install(_databases(tmp_path / "new"), source="x")
    _archive_another(archive, tmp_path / "old", updated_at=_NOW - _HOUR, blind=True)
    worker.follow()
    assert worker.directory.current()[0].updated_at == _NOW
    assert archive.fetches == 0


def test_without_any_advisories_a_worker_is_not_ready(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Whether none were ever archived or storage is out of reach: the job is tried again."""
    worker = _worker(tmp_path / "worker", archive, mirror)
    scanner = TrivyScanner(
        trivy=worker.trivy,
        bubblewrap=worker.bubblewrap,
        directory=worker.directory,
        shared=worker,
        scratch=tmp_path,
    )
    with pytest.raises(AdvisoriesError, match="run `pushscan advisories update`"):
        scanner.advisories()
    worker = _worker(tmp_path / "worker", replace(archive, is_out_of_reach=True), mirror)
    with pytest.raises(AdvisoriesError, match="nor from storage: storage is out of reach"):
        replace(scanner, shared=worker).advisories()


def test_storage_out_of_reach_leaves_what_is_in_place(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Its age still counts; and storage is not asked for each job."""
    worker = _worker(tmp_path / "worker", archive, mirror)
    current = worker.directory.install(_databases(tmp_path / "new"), source="x")
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
    worker = _worker(tmp_path / "worker", archive, mirror)
    current = worker.directory.install(
        _databases(tmp_path / "old", updated_at=_NOW - _HOUR), source="x"
    )
    _archive_another(archive, tmp_path / "new", blind=damage == "blind")
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
    worker = _worker(tmp_path / "worker", archive, mirror)
    worker.directory.install(_databases(tmp_path / "sample", blind=True), source="bundled-sample")
    _archive_another(archive, tmp_path / "new", updated_at=_NOW - _HOUR)
    worker.follow()
    assert worker.directory.current()[0].updated_at == _NOW - _HOUR


def test_an_update_that_fails_is_noted_and_changes_nothing(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Neither here nor for the others; the next one has its turn."""
    _archive_another(archive, tmp_path / "new")
    before = archive.current
    worker = _worker(tmp_path / "worker", archive, mirror)
    with pytest.raises(AdvisoriesError):
        worker.update()
    assert archive.current == before
    assert archive.last is not None
    assert mirror.address in archive.last.failure
    assert worker.directory.current()[0].updated_at == _NOW
    assert archive.turn is None


def test_one_updates_for_all(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Who comes meanwhile leaves it to the one who began."""
    mirror.publish(_databases(tmp_path / "published"))
    archive.begin_update("another", now=datetime.now(UTC))
    worker = _worker(tmp_path / "worker", archive, mirror)
    assert worker.update() is None
    assert mirror.asked == []
    archive.end_update("another", now=datetime.now(UTC))
    assert worker.update() is not None


def test_what_any_worker_has_is_not_made_older(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """A mirror that lags behind is refused, also by a worker that has nothing yet."""
    mirror.publish(_databases(tmp_path / "published", updated_at=_NOW - _HOUR))
    _archive_another(archive, tmp_path / "new")
    worker = _worker(tmp_path / "worker", archive, mirror)
    with pytest.raises(AdvisoriesError, match="older than the current"):
        worker.update()
    assert worker.directory.current()[0].updated_at == _NOW


def test_an_operator_can_go_back_in_time(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """And all workers with them."""
    _archive_another(archive, tmp_path / "new", updated_at=_NOW)
    other = _worker(tmp_path / "other", archive, mirror)
    other.follow()
    mirror.publish(_databases(tmp_path / "published", updated_at=_NOW - _HOUR))
    worker = _worker(tmp_path / "worker", archive, mirror)
    assert worker.update(allow_older=True) is not None
    _worker(tmp_path / "other", archive, mirror).follow()
    assert other.directory.current()[0].updated_at == _NOW - _HOUR


def test_several_processes_of_a_host_fetch_once(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """The others wait for the one that began."""
    _archive_another(archive, tmp_path / "new")
    workers = [_worker(tmp_path / "worker", archive, mirror) for _ in range(3)]
    threads = [threading.Thread(target=worker.follow) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert archive.fetches == 1
    assert workers[0].directory.current()[0].updated_at == _NOW


@pytest.fixture
def own_registry(tmp_path: Path) -> Iterator[RegistryStandIn]:
    """A registry that lets nobody pull without a token."""
    with RegistryStandIn(tmp_path / "registry", Certificates.create(tmp_path / "tls")) as running:
        yield running


@pytest.fixture
def registry(
    own_registry: RegistryStandIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AcrRegistry]:
    """The adapter, set up as the app sets it up."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", own_registry.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", own_registry.identity_header)
    with ManagedIdentityCredential() as credential:
        yield AcrRegistry(
            credential=credential,
            registries=frozenset({own_registry.login_server}),
            ca_file=own_registry.ca_file,
        )


def test_a_mirror_in_ones_own_registry_is_pulled_with_its_token(
    archive: InMemoryAdvisoryArchive,
    mirror: Mirror,
    own_registry: RegistryStandIn,
    registry: AcrRegistry,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The token is for that repository alone, and goes nowhere else."""
    mirror.publish(_databases(tmp_path / "published"))
    source = AdvisorySource(
        database=f"{own_registry.login_server}/mirror/trivy-db:2",
        java_database=f"{own_registry.login_server}/mirror/trivy-java-db:1",
    )
    with own_registry.client() as client:
        for name, tag in (("trivy-db", "2"), ("trivy-java-db", "1")):
            mirror.push(name, tag, client, f"mirror/{name}")
    worker = _worker(tmp_path / "worker", archive, mirror)
    worker.sources = (source, *worker.sources)
    with pytest.raises(AdvisoriesError, match=own_registry.login_server):
        replace(worker, sources=(source,)).update()
    worker.access_to = registry.access
    updated = worker.update()
    assert updated is not None
    assert updated.source == source.database
    assert mirror.asked == []
    assert own_registry.authorization_leaks == ()
    assert registry.access(mirror.source.database) is None
    access = registry.access(source.database)
    assert access is not None
    assert access.token not in caplog.text + repr(access)


def test_the_timer_updates_for_all(
    storage: StorageConnection, mirror: Mirror, tmp_path: Path
) -> None:
    """From the sources of the settings; then what is stored is caught up with."""
    mirror.publish(_databases(tmp_path / "published"))
    variables = {
        "PUSHSCAN_STORAGE": storage.connection_string,
        "PUSHSCAN_REGISTRIES": "contoso.azurecr.io",
        "PUSHSCAN_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "PUSHSCAN_ADVISORIES": str(tmp_path / "advisories"),
        "PUSHSCAN_ADVISORY_SOURCES": f"{mirror.source.database}|{mirror.source.java_database}",
        "PUSHSCAN_ADVISORY_SCHEDULE": "0 5 * * * *",
        "PUSHSCAN_TRIVY": str(trivy_path()),
        "PUSHSCAN_BUBBLEWRAP": str(bubblewrap_path()),
    }
    app = func.FunctionApp()
    app.register_functions(advisories.blueprint(Wiring(settings.read(variables))))
    [function] = app.get_functions()
    assert getattr(function.get_trigger(), "schedule", "") == "0 5 * * * *"
    function.get_user_function()(None)
    archived = AzureAdvisoryArchive.connect(storage).latest()
    assert archived is not None
    assert archived.source == mirror.source.database
    current, _ = AdvisoryDirectory(tmp_path / "advisories").current()
    assert current.digest == archived.digest
