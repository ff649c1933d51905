import json
from dataclasses import replace
from datetime import timedelta

from scanner import jobs
from scanner.model import Digest, ImageReference
from scanner.ports import Progress, Sighting
from tests.catalogue_fakes import InMemoryHeld, InMemoryQueue, InMemorySightings
from tests.command_line import in_memory, pushscan
from tests.examples import IMAGE, NOW, REGISTRY, job
from tests.fakes import InMemoryPolicyArchive, InMemoryReportStore
from tests.policies import APPLIED
from tests.reports import healthy_report, not_applicable_report, unhealthy_report, unknown_report


def _full() -> tuple[InMemoryReportStore, InMemorySightings]:
    store, sightings = InMemoryReportStore(), InMemorySightings()
    for number, report in enumerate(
        (healthy_report(), unhealthy_report(), unknown_report(), not_applicable_report())
    ):
        image = replace(IMAGE, digest=Digest(f"sha256:{number:064x}"), tag=None)
        store.save(replace(report, id=f"r{number}", image=image))
    # The first has been judged since it was seen.
    for number in (0, 7, 8):
        image = ImageReference(
            registry=REGISTRY, repository="shop/cart", digest=Digest(f"sha256:{number:064x}")
        )
        seen_at = NOW - timedelta(days=3) + timedelta(hours=number)
        sightings.save(Sighting(image=image, first_seen_at=seen_at, last_seen_at=NOW))
    sightings.save_progress(
        Progress(
            registry=REGISTRY,
            pass_began_at=NOW,
            run_at=NOW + timedelta(hours=4),
            pass_ended_at=NOW,
            fault="enough jobs wait",
        )
    )
    return store, sightings


def test_the_numbers_are_told() -> None:
    """All of them, also those that are zero."""
    store, sightings = _full()
    poison, unreadable = InMemoryHeld(), InMemoryHeld()
    unreadable.add("u", "{")
    queue = InMemoryQueue(messages=[jobs.encode(job())] * 3)
    around = in_memory(store, jobs=queue, poison=poison, unreadable=unreadable, sightings=sightings)
    result = pushscan("status", "--json", store=store, operations=around)
    assert json.loads(result.stdout) == {
        "known": 4,
        "healthy": 1,
        "unhealthy": 1,
        "unknown": 1,
        "not_applicable": 1,
        "unseen": 2,
        "jobs_waiting": 3,
        "poison_jobs": 0,
        "undelivered_notices": 2,
        "unreadable_messages": 1,
        "oldest_unseen": "2026-11-19T19:00:00.000000Z",
        "reconciled": [
            {
                "registry": REGISTRY,
                "last_run": "2026-11-22T16:00:00.000000Z",
                "last_complete": "2026-11-22T12:00:00.000000Z",
                "fault": "enough jobs wait",
            },
            {
                "registry": "localhost:5443",
                "last_run": None,
                "last_complete": None,
                "fault": None,
            },
        ],
        "undelivered": [{"route": "shop", "notices": 2, "last_error": "route shop: answered 410"}],
        "policy": None,
        "routes_fault": None,
    }


def test_a_person_reads_a_table() -> None:
    """With how long the oldest has waited, and when each registry was listed."""
    store, sightings = _full()
    result = pushscan("status", store=store, operations=in_memory(store, sightings=sightings))
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "unseen 2 the oldest for 2 d" in lines
    assert "unhealthy 1" in lines
    assert "undelivered notices 2" in lines
    assert "undelivered shop 2, the last: route shop: answered 410" in lines
    assert (
        f"reconciled {REGISTRY} 60 min ago, complete 2026-11-22 12:00 UTC; enough jobs wait"
        in lines
    )
    assert "reconciled localhost:5443 never" in lines
    assert "policy none is in force before the first job" in lines


def test_the_policy_in_force_is_told_and_why_another_is_not() -> None:
    """A broken change must not go unnoticed."""
    policies = InMemoryPolicyArchive()
    policies.put_in_force(APPLIED, now=NOW)
    store = InMemoryReportStore()

    def status(*arguments: str) -> str:
        around = in_memory(store, policies=policies)
        return pushscan("status", *arguments, store=store, operations=around).stdout

    assert "example  since 2026-11-22 12:00 UTC" in status()
    assert "not in force" not in status()
    policies.note_fault("policy.yaml:3: is \x1b[31mwrong")
    assert "not in force: policy.yaml:3: is \\x1b[31mwrong" in status()
    told = json.loads(status("--json"))["policy"]
    assert (told["digest"], told["fault"][:13]) == (str(APPLIED.digest), "policy.yaml:3")


def test_routes_that_are_refused_are_told() -> None:
    """They are as broken as a policy, and as quiet."""
    store = InMemoryReportStore()

    def status(fault: str, *arguments: str) -> str:
        around = in_memory(store, routes_fault=fault)
        return pushscan("status", *arguments, store=store, operations=around).stdout

    fault = "routes: routes.yaml:3: is \x1b[31mwrong"
    [line] = [line for line in status(fault).splitlines() if line.startswith("routes")]
    assert "not in force: routes: routes.yaml:3: is \\x1b[31mwrong" in line
    assert json.loads(status(fault, "--json"))["routes_fault"] == fault
    assert not [line for line in status("").splitlines() if line.startswith("routes")]
