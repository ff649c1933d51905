"""`pushscan status`: what is known, what waits, and what nobody has looked at."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import typer

from scanner.cli.grounds import policy_text
from scanner.cli.screen import VERDICT_STYLES, Screen, age, minute, print_json, progress, shown
from scanner.cli.surroundings import surroundings
from scanner.model import Registries, Status
from scanner.ports import Progress, Undelivered
from scanner.ports.policies import InForce
from scanner.reconcile import unjudged
from scanner.storage.moments import to_text
from scanner.store.policy_json import write_policy
from scanner.wiring import Operations

_LABEL_WIDTH = 22
_WARNED: Final = frozenset({"unseen", "poison_jobs", "undelivered_notices", "unreadable_messages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What there is to say in numbers."""

    verdicts: Counter[Status]
    unseen: int
    oldest_unseen: datetime | None
    """When the reconciler first met the manifest that it met first."""
    jobs_waiting: int
    poison_jobs: int
    undelivered: tuple[Undelivered, ...]
    """Notices that no channel took, by route."""
    unreadable_messages: int
    reconciled: tuple[tuple[str, Progress | None], ...]
    """By registry of the settings; None for one that was never listed."""
    policy: InForce | None
    """What all workers judge by; None before the first job."""
    routes_fault: str
    """Why workers refuse the routes as they are written; empty where they do not."""


def status(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is known, what waits in the queues, and what has no verdict.

    Unseen is what the registries list and nobody has judged, as the reconciler last met it.
    """
    around = surroundings(context)
    with progress("counting"):
        overview = look(around.operations(), around.registries())
    if json:
        print_json(_document(overview))
    else:
        _print(Screen(), overview, around.now())


def look(own: Operations, registries: Registries) -> Overview:
    """Count everything once. Raises StoreError."""
    unseen, oldest = 0, None
    for sighting in unjudged(own.store, own.sightings):
        unseen += 1
        oldest = min(oldest or sighting.first_seen_at, sighting.first_seen_at)
    return Overview(
        verdicts=Counter(row.status for row in own.store.list_current()),
        unseen=unseen,
        oldest_unseen=oldest,
        jobs_waiting=own.jobs.depth(),
        poison_jobs=own.poison.depth(),
        undelivered=tuple(own.undelivered()),
        unreadable_messages=own.unreadable.depth(),
        reconciled=tuple(
            (name, own.sightings.progress(name)) for name in sorted(registries.canonical)
        ),
        policy=own.policies.in_force(),
        routes_fault=own.routes_fault(),
    )


def _numbers(overview: Overview) -> dict[str, int]:
    verdicts = {entry.value.replace("-", "_"): overview.verdicts[entry] for entry in Status}
    return {
        "known": overview.verdicts.total(),
        **verdicts,
        "unseen": overview.unseen,
        "jobs_waiting": overview.jobs_waiting,
        "poison_jobs": overview.poison_jobs,
        "undelivered_notices": sum(one.notices for one in overview.undelivered),
        "unreadable_messages": overview.unreadable_messages,
    }


def _document(overview: Overview) -> dict[str, object]:
    oldest = overview.oldest_unseen
    return {
        **_numbers(overview),
        "oldest_unseen": to_text(oldest) if oldest else None,
        "reconciled": [_registry(name, known) for name, known in overview.reconciled],
        "undelivered": [
            {"route": one.route, "notices": one.notices, "last_error": one.last_error}
            for one in overview.undelivered
        ],
        "policy": _policy(overview.policy),
        "routes_fault": overview.routes_fault or None,
    }


def _policy(standing: InForce | None) -> dict[str, object] | None:
    if standing is None:
        return None
    return {
        **write_policy(standing.policy),
        "since": to_text(standing.since),
        "fault": standing.fault or None,
    }


def _registry(name: str, known: Progress | None) -> dict[str, str | None]:
    ended_at = known.pass_ended_at if known else None
    return {
        "registry": name,
        "last_run": to_text(known.run_at) if known else None,
        "last_complete": to_text(ended_at) if ended_at else None,
        "fault": known.fault or None if known else None,
    }


def _print(screen: Screen, overview: Overview, now: datetime) -> None:
    styles = {entry.value.replace("-", "_"): style for entry, style in VERDICT_STYLES.items()}
    for name, number in _numbers(overview).items():
        style = styles.get(name, "yellow" if number and name in _WARNED else "")
        screen.line(
            (f"{name.replace('_', ' '):<{_LABEL_WIDTH}}", style),
            str(number),
            _since(overview.oldest_unseen, now) if name == "unseen" else "",
        )
    for one in overview.undelivered:
        screen.line(
            (f"{'undelivered':<{_LABEL_WIDTH}}", "yellow"),
            f"{shown(one.route)}  {one.notices}, the last: {shown(one.last_error) or 'no word'}",
        )
    for registry, known in overview.reconciled:
        screen.line(f"{'reconciled':<{_LABEL_WIDTH}}", f"{registry}  {_told(known, now)}")
    _print_policy(screen, overview.policy)
    if overview.routes_fault:
        _print_fault(screen, "routes", overview.routes_fault)


def _print_policy(screen: Screen, standing: InForce | None) -> None:
    if standing is None:
        screen.line(f"{'policy':<{_LABEL_WIDTH}}", "none is in force before the first job")
        return
    since = f"  since {minute(standing.since)}"
    screen.line(f"{'policy':<{_LABEL_WIDTH}}", policy_text(standing.policy), since)
    if standing.fault:
        _print_fault(screen, "policy", standing.fault)


def _print_fault(screen: Screen, label: str, fault: str) -> None:
    screen.line(
        (f"{label:<{_LABEL_WIDTH}}", "yellow"),
        f"what was written since is not in force: {shown(fault, 2000)}",
    )


def _since(oldest: datetime | None, now: datetime) -> str:
    return f"  the oldest for {age(oldest, now)}" if oldest else ""


def _told(known: Progress | None, now: datetime) -> str:
    if known is None:
        return "never"
    complete = f"complete {minute(known.pass_ended_at)}" if known.pass_ended_at else "not complete"
    fault = f"; {shown(known.fault)}" if known.fault else ""
    return f"{age(known.run_at, now)} ago, {complete}{fault}"
