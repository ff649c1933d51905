"""The reconciler as the app runs it: real tables and queues, the stand-in registry, its timer."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.functions_host import FunctionsHost
from scanner import jobs
from scanner.cli.status import look
from scanner.model import Digest, ImageReference, ScanJob
from scanner.reconcile import Reconciler, unjudged
from scanner.settings import read
from scanner.store.sightings import TableSightings
from scanner.wiring import Wiring, operations
from tests.examples import WEBHOOK_SECRET
from tests.integration.acr_images import INDEX, MANIFEST, descriptor, small_image
from tests.integration.app_surroundings import REPOSITORY, AppSurroundings
from tests.integration.sample_jobs import until
from tests.reports import healthy_report

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
ADMIN_SECRET = "d" * 32
MASTER_KEY = "m" * 32


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppSurroundings]:
    """All that the app talks to."""
    with AppSurroundings(tmp_path) as running:
        for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
            monkeypatch.setenv(name, running.settings()[name])
        yield running


def reconciler(around: AppSurroundings, *, hours: int = 1) -> Reconciler:
    """Return the reconciler of an app that has just started, so many hours from now."""
    then = datetime.now(UTC) + timedelta(hours=hours)
    return replace(Wiring(read(around.settings())).reconciler, clock=lambda: then)


def waiting(around: AppSurroundings) -> list[ImageReference]:
    """Take the jobs off the queue."""
    found = []
    while message := around.take("scan-jobs"):
        job = jobs.decode(message.encode())
        assert isinstance(job, ScanJob)
        found.append(job.image)
    return found


def test_a_registry_that_was_there_before_is_queued_once(around: AppSurroundings) -> None:
    """Images by tag at once; the platforms of an index come with it, and are not queued again."""
    single, first, second = (small_image(annotations={"n": str(n)}) for n in range(3))
    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [descriptor(MANIFEST, one.manifest) for one in (first, second)],
        }
    ).encode()
    registry = around.registry
    with registry.client() as client:
        single.push(client, "base", "v1")
        for child in (first, second):
            child.push(client, REPOSITORY)
        pushed = client.push_manifest(REPOSITORY, index, media_type=INDEX, tag="v2")
    tally = reconciler(around).run()
    assert (tally.listed, tally.queued, tally.is_complete) == (4, 2, True)
    images = waiting(around)
    assert [(image.repository, image.tag) for image in images] == [
        ("base", "v1"),
        (REPOSITORY, "v2"),
    ]
    store = Wiring(read(around.settings())).store
    host = registry.login_server
    for number, (repository, digest, tag) in enumerate(
        [
            ("base", single.digest, "v1"),
            (REPOSITORY, pushed, "v2"),
            (REPOSITORY, first.digest, None),
        ]
    ):
        image = ImageReference(registry=host, repository=repository, digest=Digest(digest), tag=tag)
        report = replace(healthy_report(), id=f"reconciled-{number}", image=image)
        store.save(report, part_of=Digest(pushed) if number == 2 else None)
    tally = reconciler(around, hours=2).run()
    assert (tally.unseen, tally.queued) == (1, 1)
    assert [str(image.digest) for image in waiting(around)] == [second.digest]
    assert reconciler(around, hours=3).run().queued == 0
    given = read(around.settings())
    own = operations(given.storage)
    overview = look(own, given.registries)
    assert (overview.verdicts.total(), overview.unseen, overview.jobs_waiting) == (3, 1, 0)
    assert (overview.undelivered, overview.unreadable_messages) == ((), 0)
    assert [str(one.image.digest) for one in unjudged(own.store, own.sightings)] == [second.digest]


def test_the_timer_and_the_order_over_http_run_in_the_app(around: AppSurroundings) -> None:
    """By its real decorators; a push of this moment is seen and left to its own event."""
    with around.registry.client() as client:
        small_image().push(client, REPOSITORY, "v1")
    settings = around.settings() | {
        "PUSHSCAN_ADMIN_SECRETS": ADMIN_SECRET,
        "LOCAL_MASTER_KEY": MASTER_KEY,
        "AzureWebJobsStorage": around.azurite.connection_string,
    }
    given = read(around.settings())
    sightings = operations(given.storage).sightings
    assert isinstance(sightings, TableSightings)
    host_name = around.registry.login_server
    with FunctionsHost(script_root=ROOT, settings=settings) as host:
        assert (
            _post(host, "/admin/functions/reconcile_registry", "x-functions-key", MASTER_KEY) == 202
        )

        def is_listed() -> bool:
            progress = sightings.progress(host_name)
            return progress is not None and progress.pass_ended_at is not None

        until(is_listed)
        (seen,) = sightings.list_all(host_name)
        assert (seen.image.tag, seen.queued_at) == ("v1", None)
        assert _post(host, "/api/rescan", "authorization", f"Bearer {WEBHOOK_SECRET}") == 401
        assert _post(host, "/api/rescan", "authorization", f"Bearer {ADMIN_SECRET}") == 200


def _post(host: FunctionsHost, path: str, name: str, secret: str) -> int:
    connection = HTTPConnection(urlsplit(host.url).netloc, timeout=30)
    try:
        headers = {name: secret, "content-type": "application/json"}
        body = json.dumps({"repository": "*", "dry_run": True})
        connection.request("POST", path, body=body, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()
