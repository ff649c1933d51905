"""Who is told in a storm: with and without quiet hours, of what is severe, and once a day."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from scanner.classify.globs import any_matches
from scanner.model import Severity, Stream, TransitionKind
from scanner.notify.ledger import Entry
from scanner.notify.routes.route import (
    DEFAULT_KINDS,
    UNHEALTHY_KINDS,
    Daily,
    Quiet,
    Route,
    RouteTable,
    Where,
)
from tests.simulation.outside import StormyChannel, Told
from tests.simulation.perils import Clock, Perils

ZONE = ZoneInfo("UTC")
NIGHT = Quiet(begin=time(22), end=time(7), zone=ZONE)
MORNING = Daily(at=time(8), zone=ZONE)
CHOSEN = ("v1*", "v7")
"""The tags that somebody follows and no others."""
BUSY_MINUTES = range(5)
"""Of each hour, in which a service asks to be tried again later."""


def stormy_routes(perils: Perils, clock: Clock, told: list[Told]) -> RouteTable:
    """Return the routes, whose channels all write down in `told` what they took."""

    def opened(name: str, **options: object) -> Route:
        channel = StormyChannel(
            route=name,
            perils=perils,
            clock=clock,
            told=told,
            is_busy=lambda: name == "busy" and clock.moment.minute in BUSY_MINUTES,
        )
        return Route(name=name, open_channel=lambda: channel, **options)  # type: ignore[arg-type]  # fields of a route

    return RouteTable(
        routes=(
            opened("images"),
            opened(
                "operators",
                kinds=frozenset({TransitionKind.BECAME_UNKNOWN, TransitionKind.RESOLVED}),
            ),
            opened("busy", kinds=DEFAULT_KINDS | {TransitionKind.BECAME_UNKNOWN}),
            opened("asleep", quiet=NIGHT),
            opened("severe", least=Severity.CRITICAL),
            opened("daily", digest=MORNING),
            opened("chosen", where=Where(tags=CHOSEN)),
        )
    )


def check_routes(told: Sequence[Told], entries: Mapping[str, Entry]) -> None:
    """Require that each route got what it is for, at its times and in order."""
    by_route = {name: set[tuple[Stream, int]]() for name in _NAMES}
    for entry in entries.values():
        by_route[entry.route].add((entry.transition.stream, entry.transition.number))
    assert by_route["images"], "nobody was told of anything"
    assert by_route["images"] == by_route["asleep"] == by_route["daily"]
    assert by_route["busy"] == by_route["images"] | by_route["operators"]
    _check_severe(list(entries.values()), by_route)
    assert all(any_matches(CHOSEN, stream.name) for stream, _ in by_route["chosen"])
    assert by_route["chosen"] - by_route["images"], "nobody was told for a tag that came later"
    for one in told:
        match one.route:
            case "asleep":
                assert 7 <= one.at.hour < 22, one
            case "busy":
                assert one.at.minute not in BUSY_MINUTES, one
            case "daily":
                assert one.mail is not None
                assert one.at >= _eight_after(one.what.at), one
    _check_order(told, entries)


_NAMES = ("images", "operators", "busy", "asleep", "severe", "daily", "chosen")


def _check_severe(
    entries: Sequence[Entry], by_route: Mapping[str, set[tuple[Stream, int]]]
) -> None:
    """Require that nobody hears of the end of what they did not hear of."""
    assert by_route["severe"] <= by_route["images"]
    severe = [entry.transition for entry in entries if entry.route == "severe"]
    for one in severe:
        if one.kind is TransitionKind.RESOLVED:
            assert any(
                earlier.kind in UNHEALTHY_KINDS
                and earlier.at < one.at
                and earlier.stream.repository == one.stream.repository
                for earlier in severe
            ), one


def _check_order(told: Sequence[Told], entries: Mapping[str, Entry]) -> None:
    """Require that what is resolved comes after what the same stream told before."""
    first: dict[str, int] = {}
    for place, one in enumerate(told):
        first.setdefault(one.what.id, place)
    places: dict[tuple[str, Stream], list[tuple[int, int]]] = defaultdict(list)
    for notice_id, place in first.items():
        transition = entries[notice_id].transition
        key = (entries[notice_id].route, transition.stream)
        if transition.kind is TransitionKind.RESOLVED:
            places[key].append((transition.number, place))
    for notice_id, place in first.items():
        transition = entries[notice_id].transition
        for number, resolved in places[entries[notice_id].route, transition.stream]:
            assert transition.number >= number or place < resolved, transition


def _eight_after(moment: datetime) -> datetime:
    eight = moment.replace(hour=8, minute=0, second=0, microsecond=0)
    return eight if eight > moment else eight + timedelta(days=1)
