"""What Event Grid brings, and what is deleted, on the running app."""

import base64
import json
from typing import Any

import pytest

from scanner.jobs import encode, retire_job
from scanner.model import Deletion, ImageReference, NotApplicableReason
from scanner.ports import CurrentVerdict
from scanner.storage.queue import MessageQueue
from scanner.wiring import EVENT_QUEUE, JOB_QUEUE, storage_connection
from tests.e2e.conftest import Pushscan, eventually
from tests.e2e.test_deliveries import drain, kept, post
from tests.examples import push_event

pytestmark = pytest.mark.integration


def cloud_event(image: ImageReference, kind: str, action: str) -> dict[str, Any]:
    """Return what Event Grid says of an image."""
    return {
        "specversion": "1.0",
        "id": "1",
        "type": f"Microsoft.ContainerRegistry.{kind}",
        "source": "/subscriptions/s/resourceGroups/g/providers/"
        "Microsoft.ContainerRegistry/registries/contoso",
        "data": push_event(
            action=action,
            target={"repository": image.repository, "digest": str(image.digest)},
            request_host=image.registry,
        ),
    }


def deliver(pushscan: Pushscan, message: bytes) -> None:
    """Put a message into the queue, as Event Grid does."""
    with storage_connection(pushscan.wiring.settings.storage).queue(EVENT_QUEUE) as client:
        MessageQueue(client).send(message.decode())


def push_unheard(pushscan: Pushscan, repository: str) -> ImageReference:
    """Push an image without a webhook telling of it."""
    webhooks = pushscan.stack.registry.webhooks
    target, webhooks.target = webhooks.target, None
    try:
        return pushscan.push("clean", f"{repository}:v1")
    finally:
        webhooks.target = target


def retired(pushscan: Pushscan, image: ImageReference) -> CurrentVerdict:
    """Wait until an image is retired."""

    def observe() -> CurrentVerdict | None:
        current = pushscan.verdict(image)
        return current if current.reason == NotApplicableReason.DELETED else None

    return eventually(observe)


def told(pushscan: Pushscan, image: ImageReference, kind: str) -> None:
    """Wait until people were told of an image."""
    wanted = f"dev.pushscan.image.{kind}", f"{image.repository}@{image.digest}"
    eventually(
        lambda: wanted in {(n["type"], n["subject"]) for n in pushscan.stack.images.notices} or None
    )


def test_an_event_in_the_queue_ends_in_a_verdict(pushscan: Pushscan) -> None:
    """In base64; the bad event beside it is kept with its reason."""
    image = push_unheard(pushscan, "events/pushed")
    events = [cloud_event(image, "ImagePushed", "push"), {"specversion": "1.0", "type": "x"}]
    message = base64.b64encode(json.dumps(events).encode())
    deliver(pushscan, message)
    assert str(pushscan.verdict(image).status) == "healthy"
    with storage_connection(pushscan.wiring.settings.storage).blob_service() as blobs:
        container = blobs.get_container_client("unreadable-messages")
        eventually(lambda: message in kept(container) or None)


def test_a_deleted_image_is_retired_and_a_forged_deletion_changes_nothing(
    pushscan: Pushscan,
) -> None:
    """The registry says of each whether it is gone."""
    gone = pushscan.push("vulnerable", "events/gone:v1")
    judged = pushscan.verdict(gone)
    told(pushscan, gone, "newly-unhealthy")
    stays = pushscan.push("clean", "events/stays:v1")
    pushscan.verdict(stays)
    forged = push_event(
        action="delete",
        timestamp="2026-11-01T12:00:00Z",
        target={"repository": stays.repository, "digest": str(stays.digest)},
        request_host=stays.registry,
    )
    assert post(pushscan, forged) == 202
    with pushscan.stack.registry.client() as client:
        client.delete_repository(gone.repository)
    current = retired(pushscan, gone)
    assert current.report_before == judged.report_id
    told(pushscan, gone, "resolved")
    assert list(pushscan.wiring.store.list_current(repository="events/gone")) == []
    assert len(list(pushscan.wiring.store.list_current(repository="events/stays"))) == 1


def test_a_deletion_that_was_given_up_says_nothing_of_the_image(pushscan: Pushscan) -> None:
    """Nor does one for a registry that is not ours; that is kept."""
    image = pushscan.push("clean", "events/given-up:v1")
    judged = pushscan.verdict(image)
    given_up, foreign = (
        encode(
            retire_job(
                Deletion(registry=registry, repository=image.repository, digest=image.digest),
                requested_at=judged.as_of,
            )
        )
        for registry in (image.registry, "evil.azurecr.io")
    )
    poison = f"{JOB_QUEUE}-poison"
    with storage_connection(pushscan.wiring.settings.storage).queue(poison) as client:
        for message in (given_up, foreign):
            MessageQueue(client).send(message)
    drain(pushscan, poison)
    assert pushscan.verdict(image) == judged
    with storage_connection(pushscan.wiring.settings.storage).blob_service() as blobs:
        container = blobs.get_container_client("unreadable-messages")
        eventually(lambda: foreign.encode() in kept(container) or None)


def test_a_deletion_that_event_grid_tells_of_is_looked_after(pushscan: Pushscan) -> None:
    """The manifest alone is deleted, and no webhook tells of it."""
    image = pushscan.push("clean", "events/deleted:v1")
    pushscan.verdict(image)
    webhooks = pushscan.stack.registry.webhooks
    target, webhooks.target = webhooks.target, None
    try:
        with pushscan.stack.registry.client() as client:
            client.delete_manifest(image.repository, str(image.digest))
    finally:
        webhooks.target = target
    deliver(pushscan, json.dumps(cloud_event(image, "ImageDeleted", "delete")).encode())
    retired(pushscan, image)
