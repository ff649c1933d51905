import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import azure.functions as func
import pytest
from azure.identity import ManagedIdentityCredential

from function_app import advisories
from local.acr import RegistryStandIn
from local.certificates import Certificates
from scanner import settings
from scanner.errors import AdvisoriesError
from scanner.model.advisory_source import AdvisorySource
from scanner.registry import AcrRegistry
from scanner.storage import StorageConnection
from scanner.store.advisory_archive import AzureAdvisoryArchive
from scanner.trivy import AdvisoryDirectory
from scanner.wiring import Wiring
from tests.advisory_archive import InMemoryAdvisoryArchive
from tests.advisory_mirror import Mirror
from tests.examples import WEBHOOK_SECRET
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
from tests.sandbox_programs import bubblewrap_path, trivy_path

pytestmark = pytest.mark.integration
__all__ = ["archive", "mirror", "storage"]


def test_an_update_that_fails_is_noted_and_changes_nothing(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Neither here nor for the others; the next one has its turn."""
    archive_another(archive, tmp_path / "new")
    before = archive.current
    worker = worker_on(tmp_path / "worker", archive, mirror)
    with pytest.raises(AdvisoriesError):
        worker.update()
    assert archive.current == before
    assert archive.last is not None
    assert mirror.address in archive.last.failure
    assert worker.directory.current()[0].updated_at == NOW
    assert archive.turn is None


def test_one_updates_for_all(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """Who comes meanwhile leaves it to the one who began."""
    mirror.publish(databases(tmp_path / "published"))
    archive.begin_update("another", now=datetime.now(UTC))
    worker = worker_on(tmp_path / "worker", archive, mirror)
    assert worker.update() is None
    assert mirror.asked == []
    archive.end_update("another", now=datetime.now(UTC))
    assert worker.update() is not None


def test_what_any_worker_has_is_not_made_older(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """A mirror that lags behind is refused, also by a worker that has nothing yet."""
    mirror.publish(databases(tmp_path / "published", updated_at=NOW - HOUR))
    archive_another(archive, tmp_path / "new")
    worker = worker_on(tmp_path / "worker", archive, mirror)
    with pytest.raises(AdvisoriesError, match="older than the current"):
        worker.update()
    assert worker.directory.current()[0].updated_at == NOW


def test_an_operator_can_go_back_in_time(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """And all workers with them."""
    archive_another(archive, tmp_path / "new", updated_at=NOW)
    other = worker_on(tmp_path / "other", archive, mirror)
    other.follow()
    mirror.publish(databases(tmp_path / "published", updated_at=NOW - HOUR))
    worker = worker_on(tmp_path / "worker", archive, mirror)
    assert worker.update(allow_older=True) is not None
    worker_on(tmp_path / "other", archive, mirror).follow()
    assert other.directory.current()[0].updated_at == NOW - HOUR


def test_several_processes_of_a_host_fetch_once(
    archive: InMemoryAdvisoryArchive, mirror: Mirror, tmp_path: Path
) -> None:
    """The others wait for the one that began."""
    archive_another(archive, tmp_path / "new")
    workers = [worker_on(tmp_path / "worker", archive, mirror) for _ in range(3)]
    threads = [threading.Thread(target=worker.follow) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert archive.fetches == 1
    assert workers[0].directory.current()[0].updated_at == NOW


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
    mirror.publish(databases(tmp_path / "published"))
    source = AdvisorySource(
        database=f"{own_registry.login_server}/mirror/trivy-db:2",
        java_database=f"{own_registry.login_server}/mirror/trivy-java-db:1",
    )
    with own_registry.client() as client:
        for name, tag in (("trivy-db", "2"), ("trivy-java-db", "1")):
            mirror.push(name, tag, client, f"mirror/{name}")
    worker = worker_on(tmp_path / "worker", archive, mirror)
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
    mirror.publish(databases(tmp_path / "published"))
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
