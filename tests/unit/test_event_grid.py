import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function_app.events import receive
from scanner.errors import InvalidMessageError, StoreError
from scanner.events import (
    MAX_MESSAGE_BYTES,
    Batch,
    DeleteEvent,
    PushEvent,
    QuietEvent,
    parse_message,
)
from scanner.jobs import decode
from tests.examples import DIGEST, IMAGE, REGISTRIES, REGISTRY, push_event

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
RESOURCE = (
    "/subscriptions/6f6d9f3e-0b1c-4f5a-9d57-2c8e4a7b1d90/resourceGroups/rg-shop/providers/"
    "Microsoft.ContainerRegistry/registries/"
)


def cloud_event(data: dict[str, Any], kind: str = "ImagePushed") -> dict[str, Any]:
    """Return an event in the CloudEvents schema."""
    return {
        "specversion": "1.0",
        "id": "e-1",
        "type": f"Microsoft.ContainerRegistry.{kind}",
        "source": f"{RESOURCE}contoso",
        "subject": "shop/cart:v7",
        "time": "2026-11-22T12:00:00Z",
        "data": data,
    }


def grid_event(data: dict[str, Any], kind: str = "ImagePushed") -> dict[str, Any]:
    """Return an event in the Event Grid schema."""
    return {
        "id": "e-1",
        "topic": f"{RESOURCE}contoso",
        "subject": "shop/cart:v7",
        "eventType": f"Microsoft.ContainerRegistry.{kind}",
        "eventTime": "2026-11-22T12:00:00Z",
        "data": data,
        "dataVersion": "2.0",
        "metadataVersion": "1",
    }


def delete_event(**target: object) -> dict[str, Any]:
    """Return a deletion in `shop/cart` as ACR sends it."""
    return push_event(action="delete", target={"repository": "shop/cart", **target})


def parse(value: object) -> Batch:
    """Parse a plain message."""
    return parse_message(json.dumps(value).encode(), REGISTRIES)


def base64_of(message: bytes) -> bytes:
    """Write a message as Event Grid does."""
    return base64.b64encode(message)


@pytest.mark.parametrize("written", [bytes, base64_of])
@pytest.mark.parametrize("shape", [cloud_event, grid_event])
@pytest.mark.parametrize("is_batch", [False, True])
def test_a_push_is_read_in_every_shape(
    written: Callable[[bytes], bytes], shape: Callable[..., dict[str, Any]], is_batch: bool
) -> None:
    """Two schemas, one or a batch, base64 or plain: the same event as from the webhook."""
    event = shape(push_event())
    message = json.dumps([event] if is_batch else event, indent=1).encode()
    [read] = parse_message(written(message), REGISTRIES).events
    assert isinstance(read, PushEvent)
    assert read.image == IMAGE


@pytest.mark.parametrize(
    ("name", "kind"), [("event-grid", PushEvent), ("cloud-event", DeleteEvent)]
)
def test_the_recorded_examples_are_read(name: str, kind: type) -> None:
    """What the documents show is what is taken."""
    text = (EXAMPLES / f"{name}.json").read_text(encoding="utf-8").replace("HOST", REGISTRY)
    batch = parse_message(text.encode(), REGISTRIES)
    assert batch.faults == ()
    assert [type(event) for event in batch.events] == [kind]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ({"digest": str(DIGEST)}, f"{REGISTRY}/shop/cart@{DIGEST}"),
        ({"tag": "v7"}, f"{REGISTRY}/shop/cart:v7"),
        ({}, f"{REGISTRY}/shop/cart"),
    ],
)
def test_a_deletion_names_a_manifest_a_tag_or_a_repository(
    target: dict[str, str], name: str
) -> None:
    """The digest counts where there is one."""
    [event] = parse(cloud_event(delete_event(**target), "ImageDeleted")).events
    assert isinstance(event, DeleteEvent)
    assert event.name == name


@pytest.mark.parametrize(
    ("kind", "action"), [("ChartPushed", "chart_push"), ("ChartDeleted", "chart_delete")]
)
def test_an_event_on_a_chart_asks_for_nothing(kind: str, action: str) -> None:
    """They carry no request."""
    data = {"id": "1", "timestamp": "2026-11-22T12:00:00Z", "action": action, "target": {}}
    assert parse(grid_event(data, kind)).events == (QuietEvent(action=action),)


@pytest.mark.parametrize("shape", [cloud_event, grid_event])
def test_without_a_host_the_registry_is_the_one_of_the_source(
    shape: Callable[..., dict[str, Any]],
) -> None:
    """The schema makes `request` optional; the settings still have to name the registry."""
    data = push_event()
    del data["request"]
    [event] = parse(shape(data)).events
    assert isinstance(event, PushEvent)
    assert event.image.registry == REGISTRY
    foreign = shape(data) | {"source": f"{RESOURCE}evilevil", "topic": f"{RESOURCE}evilevil"}
    assert parse(foreign).faults == ("[0] request.host: is not a registry of ours",)


@pytest.mark.parametrize(
    "source", [None, 7, "", RESOURCE, f"{RESOURCE}contoso/x", f"{RESOURCE}contoso.evil", "contoso"]
)
def test_a_source_that_is_no_registry_names_none(source: object) -> None:
    """Then the event needs its host."""
    data = push_event()
    del data["request"]
    batch = parse(cloud_event(data) | {"source": source})
    assert batch.events == ()
    assert batch.faults == ("[0] data.request: is missing or not an object",)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"type": "Microsoft.Storage.BlobCreated"}, "type"),
        ({"type": None}, "type"),
        ({"data": None}, "data"),
        ({"data": []}, "data"),
        ({"type": "Microsoft.ContainerRegistry.ImageDeleted"}, "data.action"),
        ({"data": push_event(target_digest="sha256:x")}, "data.target.digest"),
        ({"data": push_event(timestamp="now")}, "data.timestamp"),
    ],
)
def test_a_fault_names_place_and_field(change: dict[str, object], field: str) -> None:
    """Whoever looks at a kept message sees what was wrong with which event."""
    batch = parse([cloud_event(push_event()), cloud_event(push_event()) | change])
    assert len(batch.events) == 1
    assert [fault.split(": ")[0] for fault in batch.faults] == [f"[1] {field}"]


@pytest.mark.parametrize(
    "untrusted",
    [
        b"",
        b"[]",
        b"W10=",
        b"not base64!",
        b"bnVsbA",
        b"\xff\xfe",
        b"{",
        b"[" * 60_000,
        b"bnVsbA= =",
        b" " * (MAX_MESSAGE_BYTES + 1),
    ],
)
def test_a_message_that_is_no_event_is_refused(untrusted: bytes) -> None:
    """Not JSON, not base64, empty or too large."""
    with pytest.raises(InvalidMessageError, match=r"^body: "):
        parse_message(untrusted, REGISTRIES)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_events = st.fixed_dictionaries({}, optional=dict.fromkeys(cloud_event({}), _json)) | st.builds(
    cloud_event, st.fixed_dictionaries({}, optional=dict.fromkeys(push_event(), _json))
)


@given(
    st.binary(max_size=200)
    | st.binary(max_size=200).map(base64.b64encode)
    | st.lists(_events | _json, max_size=3).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_end_in_events_or_the_named_error(untrusted: bytes) -> None:
    """Nothing else escapes the parser, and each fault is told."""
    try:
        batch = parse_message(untrusted, REGISTRIES)
    except InvalidMessageError:
        return
    assert batch.events or batch.faults


@dataclass
class Storage:
    """A queue and what is kept; the queue takes `room` messages and is then out of reach."""

    room: int = 100
    jobs: list[str] = field(default_factory=list)
    kept: list[tuple[bytes, str]] = field(default_factory=list)

    def enqueue(self, message: str) -> None:
        """Take a message."""
        if len(self.jobs) == self.room:
            raise StoreError("scan-jobs.send: ServiceRequestError")
        self.jobs.append(message)

    def keep(self, untrusted_message: bytes, why: str) -> None:
        """Keep a message."""
        self.kept.append((untrusted_message, why))

    def receive(self, untrusted_message: bytes) -> None:
        """Handle a message with this storage."""
        receive(untrusted_message, REGISTRIES, self.enqueue, self.keep)


def test_a_bad_event_of_a_batch_is_kept_and_the_others_are_queued() -> None:
    """The message stays as it came, with the place of the fault."""
    events = [
        cloud_event(push_event()),
        cloud_event(push_event(request_host="evil.azurecr.io")),
        cloud_event(delete_event(digest=str(DIGEST)), "ImageDeleted"),
    ]
    message = base64_of(json.dumps(events).encode())
    storage = Storage()
    storage.receive(message)
    assert [json.loads(job).get("kind", "scan") for job in storage.jobs] == ["scan", "retire"]
    assert storage.kept == [(message, "[1] request.host: is not a registry of ours")]


def test_an_unreadable_message_is_kept_with_the_reason() -> None:
    """It is done with then: no retry makes it readable."""
    storage = Storage()
    storage.receive(b"{")
    assert storage.jobs == []
    assert storage.kept == [(b"{", "body: is not JSON")]


def test_a_batch_that_was_half_queued_is_tried_again_without_harm() -> None:
    """What is queued twice has one id."""
    second = {"target_digest": "sha256:" + "2b" * 32}
    batch = [grid_event(push_event()), grid_event(push_event(**second))]
    message = json.dumps(batch).encode()
    storage = Storage(room=1)
    with pytest.raises(StoreError):
        storage.receive(message)
    storage.room = 100
    storage.receive(message)
    ids = [decode(job.encode()).id for job in storage.jobs]
    assert len(ids) == 3
    assert len(set(ids)) == 2


def test_a_chart_queues_nothing() -> None:
    """Nor is it kept."""
    storage = Storage()
    data = {"id": "1", "timestamp": "2026-11-22T12:00:00Z", "action": "chart_push"}
    storage.receive(json.dumps(cloud_event(data, "ChartPushed")).encode())
    assert (storage.jobs, storage.kept) == ([], [])
