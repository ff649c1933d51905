"""Events as the registry sends them, seen by a receiver on this machine."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.acr import RegistryStandIn, Stall, WebhookTarget
from local.acr.faults import FaultScript, Faulty
from local.acr.listener import Listener
from local.certificates import Certificates
from tests.integration.acr_images import INDEX, MANIFEST, small_image, write_layout

pytestmark = pytest.mark.integration

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?:\d{7}|\d{9})Z")


@dataclass(slots=True)
class Receiver:
    """Takes events over TLS."""

    certificates: Certificates
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 202
    faults: FaultScript = field(default_factory=FaultScript)
    listener: Listener = field(init=False)

    def __post_init__(self) -> None:
        self.listener = Listener(0, self.certificates)
        application = Starlette(routes=[Route("/hook", self._take, methods=["POST"])])
        self.listener.start(Faulty(application, self.faults, self.listener.host))

    def hold_next(self) -> None:
        """Keep the next answer back."""
        self.faults.plan(Stall(), method="POST", path=".*", host=".*", times=1)

    @property
    def target(self) -> WebhookTarget:
        """This receiver as the target of a registry."""
        return WebhookTarget(
            url=f"https://{self.listener.host}/hook?code=key",
            secret="shared",  # noqa: S106 - of this test alone
            ca_file=self.certificates.ca_file,
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events so far."""
        return [json.loads(body) for body in self.bodies]

    async def _take(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.headers.append(dict(request.headers))
        return Response(b"taken", self.status)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver that accepts everything."""
    started = Receiver(Certificates.create(tmp_path / "certificates"))
    yield started
    started.listener.stop()


@pytest.fixture
def registry(tmp_path: Path, receiver: Receiver) -> Iterator[RegistryStandIn]:
    """A registry that sends its events there."""
    root, certificates = tmp_path / "registry", receiver.certificates
    with RegistryStandIn(root, certificates, webhook=receiver.target) as running:
        yield running


def test_a_push_is_told_in_the_documented_shape(
    registry: RegistryStandIn, receiver: Receiver
) -> None:
    """Compact JSON with the documented members, the secret in Authorization, nothing signed."""
    image = small_image()
    with registry.client() as client:
        image.push(client, "team/app", "1.0")
    registry.webhooks.wait_until_sent()

    [event], [headers] = receiver.events, receiver.headers
    assert receiver.bodies == [json.dumps(event, separators=(",", ":")).encode()]
    assert event.keys() == {"id", "timestamp", "action", "target", "request"}
    assert _TIME.fullmatch(event["timestamp"])
    assert event["action"] == "push"
    assert event["target"] == {
        "mediaType": MANIFEST,
        "size": len(image.manifest),
        "digest": image.digest,
        "length": len(image.manifest),
        "repository": "team/app",
        "tag": "1.0",
    }
    cause = event["request"]
    assert cause.pop("id")
    assert cause == {
        "host": registry.login_server,
        "method": "PUT",
        "useragent": "pushscan-local/1",
    }
    assert headers["authorization"] == "Bearer shared"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["user-agent"] == "AzureContainerRegistry/1.0"


def test_only_the_index_of_a_multi_platform_push_has_a_tag(
    tmp_path: Path, registry: RegistryStandIn, receiver: Receiver
) -> None:
    """Every manifest is an event; a push by digest has no tag."""
    write_layout(tmp_path / "layout", small_image(), small_image(architecture="arm64"))
    with registry.client() as client:
        client.push_layout(tmp_path / "layout", to="team/app:multi")
    registry.webhooks.wait_until_sent()

    targets = [event["target"] for event in receiver.events]
    assert ["tag" in target for target in targets] == [False, False, True]
    assert targets[-1]["tag"] == "multi"
    assert [target["mediaType"] for target in targets] == [MANIFEST, MANIFEST, INDEX]


def test_deletions_are_told_without_tag_and_size(
    registry: RegistryStandIn, receiver: Receiver
) -> None:
    """A manifest is named by digest and type, a repository by its name alone."""
    with registry.client() as client:
        digest = small_image().push(client, "app", "1")
        client.delete_manifest("app", digest)
        client.delete_repository("app")
    registry.webhooks.wait_until_sent()

    _, manifest, repository = receiver.events
    assert manifest["action"] == repository["action"] == "delete"
    assert manifest["target"] == {"mediaType": MANIFEST, "digest": digest, "repository": "app"}
    assert repository["target"] == {"repository": "app"}
    assert manifest["request"]["method"] == "DELETE"


def test_replicas_repeat_an_event_under_ids_of_their_own(
    registry: RegistryStandIn, receiver: Receiver
) -> None:
    """A geo-replicated registry tells of one push several times; both time formats occur."""
    target = receiver.target
    registry.webhooks.target = WebhookTarget(
        url=target.url, secret=target.secret, ca_file=target.ca_file, copies=3
    )
    with registry.client() as client:
        small_image().push(client, "app", "1")
    registry.webhooks.wait_until_sent()

    assert len({event["id"] for event in receiver.events}) == 3
    assert len({event["target"]["digest"] for event in receiver.events}) == 1
    assert {len(event["timestamp"]) for event in receiver.events} == {28, 30}


def test_an_event_is_sent_once_whatever_the_answer(
    registry: RegistryStandIn, receiver: Receiver
) -> None:
    """There is no retry; the answer is listed, and the secret is masked there."""
    receiver.status = 503
    with registry.client() as client:
        small_image().push(client, "app", "1")
    registry.webhooks.wait_until_sent()

    [listed] = registry.webhooks.list_events()["value"]
    assert len(receiver.events) == 1
    assert listed["eventResponseMessage"]["statusCode"] == "503"
    assert listed["eventRequestMessage"]["headers"]["Authorization"] == "******"
    assert listed["eventRequestMessage"]["content"] == receiver.events[0]
    assert "code=key" not in repr(registry.webhooks.deliveries)
    assert "shared" not in repr(registry.webhooks.deliveries) + repr(receiver.target)


def test_a_receiver_that_is_gone_does_not_disturb_the_push(
    registry: RegistryStandIn, receiver: Receiver
) -> None:
    """The push succeeds and the event is lost, as with the service."""
    receiver.listener.stop()
    with registry.client() as client:
        small_image().push(client, "app", "1")
    registry.webhooks.wait_until_sent()

    [delivery] = registry.webhooks.deliveries
    assert delivery.status is None


def test_a_receiver_has_five_seconds(registry: RegistryStandIn, receiver: Receiver) -> None:
    """One that takes longer is given up, and listed as 504; the next event goes out."""
    receiver.hold_next()
    started = time.monotonic()
    for _ in range(2):
        registry.webhooks.ping()
    registry.webhooks.wait_until_sent()

    assert 4.5 < time.monotonic() - started < 8
    assert [delivery.status for delivery in registry.webhooks.deliveries] == [None, 202]
    newest, oldest = registry.webhooks.list_events()["value"]
    assert oldest["eventResponseMessage"]["statusCode"] == "504"
    assert newest["eventResponseMessage"]["statusCode"] == "202"


def test_a_ping_has_three_members(registry: RegistryStandIn, receiver: Receiver) -> None:
    """Nothing but id, timestamp and action."""
    registry.webhooks.ping()
    registry.webhooks.wait_until_sent()

    [event] = receiver.events
    assert event.keys() == {"id", "timestamp", "action"}
    assert event["action"] == "ping"


def test_nothing_is_sent_unless_configured(tmp_path: Path, receiver: Receiver) -> None:
    """A registry without a target makes no event."""
    with (
        RegistryStandIn(tmp_path / "quiet", receiver.certificates) as registry,
        registry.client() as client,
    ):
        small_image().push(client, "app", "1")
        registry.webhooks.wait_until_sent()

        assert registry.webhooks.deliveries == ()
