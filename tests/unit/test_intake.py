import json
from dataclasses import dataclass, field

import azure.functions as func
import pytest

from function_app.intake import receive
from scanner import settings
from scanner.errors import StoreError
from scanner.events import MAX_BODY_BYTES
from scanner.jobs import decode
from scanner.model import RetireJob, ScanJob
from tests.examples import IMAGE, WEBHOOK_SECRET, body, push_event

SETTINGS = settings.read(
    {
        "PUSHSCAN_STORAGE": "UseDevelopmentStorage=true",
        "PUSHSCAN_REGISTRIES": IMAGE.registry,
        "PUSHSCAN_WEBHOOK_SECRETS": f"{WEBHOOK_SECRET},{'n' * 32}",
        "PUSHSCAN_ADVISORIES": "/advisories",
        "PUSHSCAN_TRIVY": "/trivy",
        "PUSHSCAN_BUBBLEWRAP": "/bwrap",
    }
)


@dataclass
class Queue:
    """A queue that keeps its messages, or is out of reach."""

    messages: list[str] = field(default_factory=list)
    is_reachable: bool = True

    def send(self, message: str) -> None:
        """Keep a message."""
        if not self.is_reachable:
            raise StoreError("scan-jobs.send: ServiceRequestError")
        self.messages.append(message)


def post(
    untrusted_body: bytes, queue: Queue | None = None, **headers: str
) -> tuple[int, dict[str, str]]:
    """Post a body as ACR does; `content_type="..."` and the like change a header."""
    sent = {
        "authorization": f"Bearer {WEBHOOK_SECRET}",
        "content-type": "application/json; charset=utf-8",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    request = func.HttpRequest(
        method="POST", url="http://localhost/api/acr/webhook", headers=sent, body=untrusted_body
    )
    response = receive(request, SETTINGS, (queue or Queue()).send)
    return response.status_code, json.loads(response.get_body())


def test_a_push_is_accepted_once_the_queue_has_the_job() -> None:
    """The answer names the job that was queued."""
    queue = Queue()
    status, answer = post(body(push_event()), queue)
    job = decode(queue.messages[0].encode())
    assert (status, answer) == (202, {"job": job.id})
    assert isinstance(job, ScanJob)
    assert job.image == IMAGE


def test_a_deletion_is_accepted_once_the_queue_has_the_job() -> None:
    """It goes the way of a push: nobody repeats it either."""
    queue = Queue()
    status, answer = post(body(push_event(action="delete")), queue)
    job = decode(queue.messages[0].encode())
    assert (status, answer) == (202, {"job": job.id})
    assert isinstance(job, RetireJob)
    assert job.deletion.digest == IMAGE.digest


def test_a_queue_out_of_reach_is_told_and_nothing_is_acknowledged() -> None:
    """ACR tries once; whoever replays is told when."""
    queue = Queue(is_reachable=False)
    request = func.HttpRequest(
        method="POST",
        url="http://localhost/api/acr/webhook",
        headers={
            "authorization": f"Bearer {WEBHOOK_SECRET}",
            "content-type": "application/json",
        },
        body=body(push_event()),
    )
    response = receive(request, SETTINGS, queue.send)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("action", ["ping", "chart_push"])
def test_an_event_without_an_image_is_answered_and_not_queued(action: str) -> None:
    """`az acr webhook ping` expects a 2xx."""
    queue = Queue()
    event = {"id": "826b111c", "timestamp": "2026-11-22T11:00:00Z", "action": action}
    assert post(body(event), queue) == (200, {"ignored": action})
    assert queue.messages == []


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {WEBHOOK_SECRET}x",
        f"Bearer {WEBHOOK_SECRET[:-1]}",
        f"Basic {WEBHOOK_SECRET}",
        WEBHOOK_SECRET,
        "Bearer \u00fc\udcff",
    ],
)
def test_a_wrong_secret_is_refused_before_the_body_is_looked_at(authorization: str) -> None:
    """A stranger learns nothing about what a body should be."""
    assert post(b"x" * (MAX_BODY_BYTES + 1), authorization=authorization)[0] == 401


def test_both_secrets_are_accepted_during_rotation() -> None:
    """The scheme's name has no case (RFC 9110 section 11.1)."""
    assert post(body(push_event()), authorization=f"bearer {'n' * 32}")[0] == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": ""},
        {"content_type": "application/jsonx"},
        {"content_encoding": "gzip"},
        {"content_encoding": "br"},
    ],
)
def test_another_media_type_or_coding_is_refused(headers: dict[str, str]) -> None:
    """A compressed body is never inflated."""
    assert post(body(push_event()), Queue(), **headers)[0] == 415


def test_a_body_over_the_limit_is_refused() -> None:
    """64 KiB are accepted, one byte more is not."""
    padding = MAX_BODY_BYTES - len(body(push_event(note="")))
    assert post(body(push_event(note=" " * padding)))[0] == 202
    assert post(body(push_event(note=" " * (padding + 1))))[0] == 413


def test_a_malformed_event_names_the_field() -> None:
    """Whoever configured the webhook sees what to mend."""
    status, answer = post(body(push_event(target_digest="sha256:../../etc/passwd")))
    assert (status, answer["error"].partition(":")[0]) == (400, "target.digest")


def test_a_registry_that_is_not_ours_is_forbidden() -> None:
    """Nothing is queued, so nothing is dialled."""
    queue = Queue()
    assert post(body(push_event(request_host="evil.azurecr.io")), queue)[0] == 403
    assert queue.messages == []
