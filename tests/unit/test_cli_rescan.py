import json
from dataclasses import replace
from datetime import timedelta

import pytest

from scanner import jobs
from scanner.errors import StoreError
from scanner.model import ImageReference, Report, ScanJob, UnknownReason
from tests.catalogue_fakes import InMemoryHeld, InMemoryQueue
from tests.command_line import HOSTILE, OBEYED, in_memory, pushscan
from tests.examples import IMAGE, NOW, job
from tests.fakes import InMemoryReportStore
from tests.fakes.pulls import InMemoryPulls, pulled
from tests.reports import healthy_report, unhealthy_report, unknown_report

LATER = NOW + timedelta(hours=5)


def _in(report: Report, repository: str) -> Report:
    image = replace(report.image, repository=repository, tag=None)
    return replace(report, id=repository.replace("/", "-"), image=image)


@pytest.fixture
def store() -> InMemoryReportStore:
    """A store with a few verdicts, one of them new."""
    store = InMemoryReportStore()
    store.save(unhealthy_report())
    store.save(_in(healthy_report(), "base/debian"))
    store.save(_in(unknown_report(UnknownReason.TIMEOUT), "tools/lint"))
    store.save(replace(_in(healthy_report(), "web"), as_of=NOW + timedelta(hours=4)))
    return store


@pytest.fixture
def queue() -> InMemoryQueue:
    """The queue of jobs."""
    return InMemoryQueue()


def _queued(queue: InMemoryQueue) -> list[str]:
    found = [jobs.decode(message.encode()) for message in queue.messages]
    return [one.image.repository for one in found if isinstance(one, ScanJob)]


@pytest.mark.parametrize(
    ("arguments", "repositories"),
    [
        (["--repository", "*"], ["base/debian", "shop/cart", "tools/lint", "web"]),
        (["--repository", "*/*", "--verdict", "healthy"], ["base/debian"]),
        (["--reason", "timeout"], ["tools/lint"]),
        (["--not-judged-since", "2026-11-22"], []),
        (["--not-judged-since", "2026-11-22T14:00:00"], ["base/debian", "shop/cart", "tools/lint"]),
        ([IMAGE.name], ["shop/cart"]),
        ([str(IMAGE), f"{IMAGE.registry}/new@{IMAGE.digest}"], ["shop/cart", "new"]),
        (["--repository", "*", "--resume-after", str(IMAGE)], ["tools/lint", "web"]),
        ([str(IMAGE), IMAGE.name, "--resume-after", str(IMAGE)], ["shop/cart"]),
    ],
)
def test_what_is_selected_is_queued(
    store: InMemoryReportStore, queue: InMemoryQueue, arguments: list[str], repositories: list[str]
) -> None:
    """By name or by conditions; a dry run counts the same and queues nothing."""
    around = in_memory(store, jobs=queue)
    dry = pushscan("rescan", *arguments, "--dry-run", "--json", store=store, operations=around)
    assert (json.loads(dry.stdout), queue.messages) == ({"would_queue": len(repositories)}, [])
    result = pushscan("rescan", *arguments, "--json", store=store, operations=around)
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"queued": len(repositories)})
    assert _queued(queue) == repositories


def test_a_rescan_asks_for_a_new_look_and_moves_no_tag(
    store: InMemoryReportStore, queue: InMemoryQueue
) -> None:
    """It is dated now, and a tag may have moved since."""
    result = pushscan("rescan", IMAGE.name, store=store, operations=in_memory(store, jobs=queue))
    assert result.stdout == "1 image queued\n"
    assert jobs.decode(queue.messages[0].encode()) == replace(
        job(replace(IMAGE, tag=None), requested_at=LATER), not_before=LATER
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [str(IMAGE), "--repository", "*"],
        ["--reason", "boredom"],
        ["--repository", "*", "--resume-after", "x"],
        ["--repository", "*", "--per-second", "0"],
        ["no-image"],
    ],
)
def test_a_selection_that_is_none_is_misuse(
    store: InMemoryReportStore, arguments: list[str]
) -> None:
    """Nothing is queued by mistake."""
    assert pushscan("rescan", *arguments, store=store).exit_code == 2


def test_what_was_pulled_is_queued(store: InMemoryReportStore, queue: InMemoryQueue) -> None:
    """Together with another condition, only what meets both."""
    pulls = InMemoryPulls(events=[pulled("base/debian"), pulled("tools/lint"), pulled("never")])
    for arguments, repositories in (
        ([], ["base/debian", "tools/lint"]),
        (["--reason", "timeout"], ["tools/lint"]),
    ):
        queue.messages.clear()
        result = pushscan(
            "rescan",
            "--pulled-within",
            "30",
            *arguments,
            store=store,
            operations=in_memory(store, jobs=queue),
            pulls=pulls,
        )
        assert result.exit_code == 0, result.stderr
        assert _queued(queue) == repositories


def test_pulls_are_said_to_be_unknown(store: InMemoryReportStore) -> None:
    """Nothing is guessed."""
    result = pushscan("rescan", "--pulled-within", "30", store=store)
    assert result.exit_code == 1
    assert "pulls are unknown" in result.stderr


def test_a_registry_that_is_not_ours_is_refused(store: InMemoryReportStore) -> None:
    """No worker would take the job."""
    result = pushscan("rescan", f"evil.example/a@{IMAGE.digest}", store=store)
    assert result.exit_code == 1
    assert "PUSHSCAN_REGISTRIES" in result.stderr


class _Breaking(InMemoryQueue):
    """Breaks at the third message."""

    def send(self, message: str, *, delay_seconds: int = 0) -> None:
        """Keep a message, or fail."""
        if len(self.messages) == 2:
            raise self.fault
        super().send(message, delay_seconds=delay_seconds)

    fault: BaseException = KeyboardInterrupt()


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), StoreError("scan-jobs.send: 500")])
def test_an_interrupted_run_says_how_to_go_on(
    store: InMemoryReportStore, queue: InMemoryQueue, fault: BaseException
) -> None:
    """And going on queues the rest."""
    broken = _Breaking()
    broken.fault = fault
    arguments = ["rescan", "--repository", "*"]
    result = pushscan(*arguments, store=store, operations=in_memory(store, jobs=broken))
    assert result.exit_code != 0
    assert f"stopped after 2; go on with --resume-after {IMAGE}" in result.stderr
    around = in_memory(store, jobs=queue)
    pushscan(*arguments, "--resume-after", str(IMAGE), store=store, operations=around)
    assert _queued(broken) + _queued(queue) == ["base/debian", "shop/cart", "tools/lint", "web"]


def _stuck(store: InMemoryReportStore) -> tuple[InMemoryHeld, InMemoryHeld]:
    store.save(_in(unknown_report(UnknownReason.ABANDONED), "given/up"))
    poison, unreadable = InMemoryHeld(), InMemoryHeld()
    poison.add("p1", jobs.encode(job()))
    unreadable.add("u1", "{", why=f"body: {HOSTILE}")
    foreign = ImageReference(registry="old.example", repository="a", digest=IMAGE.digest)
    unreadable.add("u2", jobs.encode(job(foreign)), why="request.host: is not a registry of ours")
    return poison, unreadable


def test_what_is_stuck_is_listed_with_the_reasons(store: InMemoryReportStore) -> None:
    """And nothing is touched."""
    poison, unreadable = _stuck(store)
    around = in_memory(store, poison=poison, unreadable=unreadable)
    result = pushscan("requeue", "--poison", "--json", store=store, operations=around)
    listed = {entry["what"]: entry for entry in json.loads(result.stdout)}
    assert [entry["kind"] for entry in listed.values()] == [
        "abandoned",
        "poison",
        "unreadable",
        "unreadable",
    ]
    assert "its last try failed" in listed[IMAGE.name]["reason"]
    assert listed["?"]["can_be_queued"] is False
    shown = pushscan("requeue", "--poison", store=store, operations=around)
    assert not any(text in shown.stdout for text in OBEYED)
    assert "is not a registry of ours" in shown.stdout
    assert (poison.depth(), unreadable.depth()) == (1, 2)


def test_all_or_some_are_queued_anew(store: InMemoryReportStore, queue: InMemoryQueue) -> None:
    """What still is no job stays where it is."""
    poison, unreadable = _stuck(store)
    around = in_memory(store, jobs=queue, poison=poison, unreadable=unreadable)
    dry = pushscan("requeue", "--poison", "--all", "--dry-run", store=store, operations=around)
    assert (dry.stdout, queue.messages) == ("3 jobs would be queued\n", [])
    some = pushscan("requeue", "--poison", "p1", "u1", store=store, operations=around)
    assert (some.exit_code, some.stdout) == (1, "1 job queued\n")
    assert "u1" in some.stderr
    everything = pushscan("requeue", "--poison", "--all", store=store, operations=around)
    assert (everything.exit_code, everything.stdout) == (0, "2 jobs queued\n")
    assert _queued(queue) == ["shop/cart", "given/up", "a"]
    sent = [jobs.decode(message.encode()) for message in queue.messages]
    assert all(isinstance(one, ScanJob) and one.not_before == LATER for one in sent)
    assert list(unreadable.messages) == ["u1"]


@pytest.mark.parametrize("arguments", [[], ["--poison", "--all", "p1"]])
def test_what_to_requeue_must_be_clear(store: InMemoryReportStore, arguments: list[str]) -> None:
    """Exit 2."""
    assert pushscan("requeue", *arguments, store=store).exit_code == 2


def test_an_empty_house_has_nothing_stuck() -> None:
    """Said on stderr."""
    result = pushscan("requeue", "--poison", store=InMemoryReportStore())
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing is stuck" in result.stderr
