"""The same push many times over, wrong ones, and jobs that cannot be done."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import urllib3
from azure.storage.blob import ContainerClient

from scanner.jobs import encode
from scanner.model import ImageReference, UnknownReason
from scanner.storage.queue import MessageQueue
from scanner.wiring import JOB_QUEUE, NOTICE_QUEUE, storage_connection
from tests.e2e.conftest import Pushscan, eventually
from tests.examples import DIGEST, IMAGE, job, push_event

pytestmark = pytest.mark.integration


def post(pushscan: Pushscan, event: dict[str, Any], **headers: str) -> int:
    """Post an event to the running app; returns the status."""
    environment = pushscan.stack.environment()
    response = urllib3.request(
        "POST",
        f"{environment['PUSHSCAN_URL']}/api/acr/webhook",
        body=json.dumps(event),
        headers={
            "Authorization": f"Bearer {environment['PUSHSCAN_WEBHOOK_SECRET']}",
            "Content-Type": "application/json",
        }
        | headers,
        timeout=10,
        retries=False,
    )
    return response.status


def drain(pushscan: Pushscan, name: str) -> None:
    """Wait until a queue holds no message, not even one that a worker has in hand."""
    with storage_connection(pushscan.wiring.settings.storage).queue(name) as queue:
        eventually(lambda: queue.get_queue_properties().approximate_message_count == 0 or None)


def test_fifty_deliveries_make_one_report_and_one_notice(pushscan: Pushscan) -> None:
    """Four senders at once, as replicas of a registry do it."""
    image = pushscan.push("vulnerable", "deliveries/fifty:v1")
    event = push_event(
        target_repository=image.repository,
        target_digest=str(image.digest),
        target_tag="v1",
        request_host=image.registry,
    )
    with ThreadPoolExecutor(4) as senders:
        statuses = list(senders.map(lambda _: post(pushscan, event), range(50)))
    assert statuses == [202] * 50
    drain(pushscan, JOB_QUEUE)
    pushscan.report(image)
    drain(pushscan, NOTICE_QUEUE)
    subject = f"{image.repository}@{image.digest}"
    verdicts = list(pushscan.wiring.store.list_current(repository=image.repository))
    assert len(verdicts) == 1
    told = [d for d in pushscan.stack.images.deliveries if d.event["subject"] == subject]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("event", "headers", "status"),
    [
        ({"id": "1", "timestamp": "2026-11-22T11:00:00Z", "action": "ping"}, {}, 200),
        (push_event(action="explode"), {}, 400),
        (push_event(), {"Authorization": "Bearer nobody"}, 401),
        (push_event(request_host="evil.azurecr.io"), {}, 403),
        (push_event(note="x" * 70_000), {}, 413),
        (push_event(), {"Content-Type": "text/plain"}, 415),
    ],
)
def test_the_running_app_answers_as_documented(
    pushscan: Pushscan, event: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    """Through the host, over HTTP."""
    assert post(pushscan, event, **headers) == status


def test_an_abandoned_job_is_stored_and_the_operators_are_told(pushscan: Pushscan) -> None:
    """What a worker could never do arrives on the poison queue."""
    image = ImageReference(
        registry=pushscan.stack.registry.login_server,
        repository="deliveries/abandoned",
        digest=DIGEST,
        tag="v1",
    )
    abandoned = job(image)
    connection = storage_connection(pushscan.wiring.settings.storage)
    with connection.queue(f"{JOB_QUEUE}-poison") as client:
        MessageQueue(client).send(encode(abandoned))
    assert pushscan.verdict(image).reason == UnknownReason.ABANDONED
    subject = f"{image.repository}@{image.digest}"
    notice = eventually(
        lambda: next((n for n in pushscan.stack.operators.notices if n["subject"] == subject), None)
    )
    assert notice["type"] == "dev.pushscan.image.became-unknown"


def kept(container: ContainerClient) -> list[bytes]:
    """Return the messages that were kept so far."""
    if not container.exists():
        return []
    return [container.download_blob(blob.name).readall() for blob in container.list_blobs()]


@pytest.mark.parametrize(
    "untrusted",
    ["not a job", '{"v":99}', encode(job(replace(IMAGE, registry="evil.azurecr.io")))],
    ids=["not JSON", "another version", "not our registry"],
)
def test_an_unreadable_message_is_kept_and_does_not_block_the_queue(
    pushscan: Pushscan, untrusted: str
) -> None:
    """It is done with once it is kept; the next push is judged as ever."""
    connection = storage_connection(pushscan.wiring.settings.storage)
    with connection.queue(JOB_QUEUE) as client:
        MessageQueue(client).send(untrusted)
    with connection.blob_service() as blobs:
        container = blobs.get_container_client("unreadable-messages")
        eventually(lambda: untrusted.encode() in kept(container) or None)
