import json
from dataclasses import replace
from datetime import timedelta

import azure.functions as func
import pytest

from function_app.rescan import BUDGET_SECONDS, MAX_BODY_BYTES, Surroundings, receive
from scanner import jobs
from scanner.errors import PullsUnknownError, StoreError
from scanner.model import ScanJob
from tests.catalogue_fakes import InMemoryQueue
from tests.examples import IMAGE, REGISTRIES
from tests.fakes import InMemoryReportStore
from tests.fakes.pulls import InMemoryPulls, pulled
from tests.reports import healthy_report, unhealthy_report

SECRET = "a" * 32
ALL = ["base", "shop/cart", "web"]


@pytest.fixture
def store() -> InMemoryReportStore:
    """A store with three verdicts."""
    store = InMemoryReportStore()
    store.save(unhealthy_report())
    for repository in ("base", "web"):
        report = healthy_report()
        image = replace(report.image, repository=repository, tag=None)
        store.save(replace(report, id=repository, image=image))
    return store


class Clock:
    """A clock that moves when somebody sleeps, or by `tick` with each look."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._tick = tick

    def monotonic(self) -> float:
        """Tell the time."""
        self.now += self._tick
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds


def post(
    order: object,
    store: InMemoryReportStore,
    queue: InMemoryQueue | None = None,
    *,
    secret: str = SECRET,
    secrets: tuple[str, ...] = (SECRET,),
    clock: Clock | None = None,
    pulls: InMemoryPulls | None = None,
) -> tuple[int, dict[str, object]]:
    """Post an order, as JSON unless it is bytes."""
    passing = clock or Clock()
    request = func.HttpRequest(
        method="POST",
        url="http://localhost/api/rescan",
        headers={"authorization": f"Bearer {secret}", "content-type": "application/json"},
        body=order if isinstance(order, bytes) else json.dumps(order).encode(),
    )

    def around() -> Surroundings:
        return Surroundings(
            store=store,
            queue=queue if queue is not None else InMemoryQueue(),
            registries=REGISTRIES,
            pulls=lambda: pulls,
            monotonic=passing.monotonic,
            sleep=passing.sleep,
        )

    response = receive(request, secrets, around)
    return response.status_code, json.loads(response.get_body())


@pytest.mark.parametrize(
    ("order", "repositories"),
    [
        ({"repository": "*"}, ALL),
        ({"verdict": "healthy"}, ["base", "web"]),
        (
            {"repository": "*", "not_judged_since": "2030-01-01T00:00:00Z"},
            ["base", "shop/cart", "web"],
        ),
        ({"repository": "*", "not_judged_since": "2020-01-01T00:00:00Z"}, []),
        ({"reason": "timeout"}, []),
        ({"repository": "*", "resume_after": str(IMAGE)}, ["web"]),
        ({"images": [IMAGE.name]}, ["shop/cart"]),
        ({"images": [IMAGE.name, f"{IMAGE.registry}/new@{IMAGE.digest}"]}, ["shop/cart", "new"]),
    ],
)
def test_what_is_selected_is_queued(
    store: InMemoryReportStore, order: dict[str, object], repositories: list[str]
) -> None:
    """As the command does; a dry run counts the same and queues nothing."""
    queue = InMemoryQueue()
    dry = post({**order, "dry_run": True}, store, queue)
    assert (dry, queue.messages) == ((200, {"would_queue": len(repositories)}), [])
    assert post(order, store, queue) == (202, {"queued": len(repositories)})
    found = [jobs.decode(message.encode()) for message in queue.messages]
    queued = [one for one in found if isinstance(one, ScanJob) and one.not_before]
    assert [one.image.repository for one in queued] == repositories


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({}, "images"),
        ({"images": [IMAGE.name], "repository": "*"}, "images"),
        ({"images": "all"}, "images"),
        ({"images": ["x"]}, "images"),
        ({"images": [f"{IMAGE.registry}/shop/cart:none"]}, "images"),
        ({"images": ["a"] * 501}, "images"),
        ({"repository": 7}, "repository"),
        ({"repository": ""}, "repository"),
        ({"verdict": "ill"}, "verdict"),
        ({"reason": "boredom"}, "reason"),
        ({"repository": "*", "not_judged_since": "yesterday"}, "not_judged_since"),
        ({"repository": "*", "dry_run": "yes"}, "dry_run"),
        ({"repository": "*", "per_second": 0}, "per_second"),
        ({"repository": "*", "per_second": True}, "per_second"),
        ({"repository": "*", "resume_after": "x"}, "resume_after"),
        ({"pulled_within_days": 0}, "pulled_within_days"),
        ({"pulled_within_days": 731}, "pulled_within_days"),
        ({"pulled_within_days": True}, "pulled_within_days"),
        ({"pulled_within_days": "30"}, "pulled_within_days"),
        ({"pulled_within_days": 30, "images": [IMAGE.name]}, "images"),
        ({"repository": "*", "speed": 1}, "speed"),
        (b"[]", "body"),
        (b"{", "body"),
    ],
)
def test_an_order_that_is_none_is_refused_by_field(
    store: InMemoryReportStore, order: object, field: str
) -> None:
    """And nothing is queued."""
    queue = InMemoryQueue()
    status, answer = post(order, store, queue)
    assert (status, queue.messages) == (400, [])
    assert str(answer["error"]).startswith(f"{field}: ")


def test_only_the_administrators_secret_opens(store: InMemoryReportStore) -> None:
    """Without the setting nothing does."""
    assert post({"repository": "*"}, store, secret="w" * 32)[0] == 401
    assert post({"repository": "*"}, store, secrets=())[0] == 401
    assert post({"repository": "*"}, store, secret="", secrets=())[0] == 401


def test_a_body_has_a_limit(store: InMemoryReportStore) -> None:
    """It is not even parsed."""
    assert post(b" " * (MAX_BODY_BYTES + 1), store)[0] == 413


def test_a_registry_that_is_not_ours_is_refused(store: InMemoryReportStore) -> None:
    """No worker would take the job."""
    assert post({"images": [f"evil.example/a@{IMAGE.digest}"]}, store)[0] == 403


def test_storage_out_of_reach_is_told(store: InMemoryReportStore) -> None:
    """Nothing is acknowledged that is not durable."""
    queue = InMemoryQueue(outage=StoreError("scan-jobs.send: 500"))
    assert post({"repository": "*"}, store, queue)[0] == 503


def test_jobs_are_queued_no_faster_than_asked(store: InMemoryReportStore) -> None:
    """Pushes wait behind them."""
    clock = Clock()
    assert post({"repository": "*", "per_second": 2}, store, clock=clock)[0] == 202
    assert clock.slept == [0.5, 0.5]


def test_an_order_that_takes_too_long_says_where_to_go_on(store: InMemoryReportStore) -> None:
    """Before Azure ends the request, and then the rest can be ordered."""
    first, second = InMemoryQueue(), InMemoryQueue()
    status, answer = post({"repository": "*"}, store, first, clock=Clock(tick=BUDGET_SECONDS))
    assert (status, answer["queued"]) == (202, 1)
    rest = post({"repository": "*", "resume_after": answer["resume_after"]}, store, second)
    assert rest == (202, {"queued": 2})


def test_what_was_pulled_is_queued(store: InMemoryReportStore) -> None:
    """Of what meets the other conditions."""
    queue = InMemoryQueue()
    pulls = InMemoryPulls(
        events=[pulled("base"), pulled("shop/cart"), pulled("web", before=timedelta(days=40))]
    )
    order = {"pulled_within_days": 30, "verdict": "healthy"}
    assert post(order, store, queue, pulls=pulls) == (202, {"queued": 1})
    (message,) = queue.messages
    job = jobs.decode(message.encode())
    assert isinstance(job, ScanJob)
    assert job.image.repository == "base"


@pytest.mark.parametrize("pulls", [None, InMemoryPulls(outage=PullsUnknownError("some only"))])
def test_where_nobody_can_say_what_was_pulled_nothing_is_queued(
    store: InMemoryReportStore, pulls: InMemoryPulls | None
) -> None:
    """It is no fault of the order, and no trouble that passes."""
    queue = InMemoryQueue()
    status, answer = post({"pulled_within_days": 30}, store, queue, pulls=pulls)
    assert status == 409
    assert str(answer["error"]).startswith("pulled_within_days: ")
    assert queue.messages == []
