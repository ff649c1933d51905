from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Severity, Stream, TransitionKind
from scanner.notify.channels.channel import Channel
from scanner.notify.routes.route import DEFAULT_KINDS, Daily, Quiet, Route, RouteTable, Where
from scanner.notify.routes.timing import next_send_time
from tests.announcements import (
    ALL,
    BECAME_UNKNOWN,
    EXEMPTION_EXPIRING,
    NEWLY_UNHEALTHY,
    RESOLVED,
    WORSE,
)

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet(begin=time(22), end=time(7), zone=BERLIN, urgent=Severity.CRITICAL)
HIGH = replace(NEWLY_UNHEALTHY, severity=Severity.HIGH)


def _no_channel() -> Channel:
    raise AssertionError("nothing is sent here")


ROUTE = Route(name="shop", open_channel=_no_channel)
OPERATORS = replace(
    ROUTE, kinds=frozenset({TransitionKind.BECAME_UNKNOWN, TransitionKind.RESOLVED})
)


def test_what_nobody_asked_for_is_for_who_owns_the_images() -> None:
    """That an image became unknown is for who runs Pushscan."""
    assert [told for told in ALL if ROUTE.takes(told)] == [
        NEWLY_UNHEALTHY,
        WORSE,
        RESOLVED,
        EXEMPTION_EXPIRING,
    ]


def test_what_is_resolved_goes_where_it_was_told_of() -> None:
    """An outage that is over is news to the operators alone, a mended image to its owners."""
    known_again = replace(RESOLVED, verdict_before="unknown(timeout)")
    assert (ROUTE.takes(RESOLVED), OPERATORS.takes(RESOLVED)) == (True, False)
    assert (ROUTE.takes(known_again), OPERATORS.takes(known_again)) == (False, True)


@pytest.mark.parametrize(
    ("where", "takes"),
    [
        (Where(), True),
        (Where(repositories=("shop/**",)), True),
        (Where(repositories=("shop/*",)), True),
        (Where(repositories=("shop",)), False),
        (Where(repositories=("*",)), False),
        (Where(repositories=("blog/**", "shop/cart")), True),
        (Where(registries=("fabrikam.azurecr.io",)), False),
        (Where(registries=("*.azurecr.io",), repositories=("shop/**",)), True),
    ],
)
def test_globs_choose_images(where: Where, takes: object) -> None:
    """By registry and repository."""
    assert replace(ROUTE, where=where).takes(NEWLY_UNHEALTHY) is takes


def _stream(name: str) -> Stream:
    return Stream(registry="contoso.azurecr.io", repository="shop/cart", name=name)


DIGEST_NAME = "sha256:" + "1d" * 32


@pytest.mark.parametrize(
    ("tags", "name", "known_by", "hears"),
    [
        ((), "v7", None, True),
        ((), DIGEST_NAME, None, True),
        ((), "prod", {"v7"}, False),
        ((), "prod", set(), False),
        (("prod",), "prod", None, True),
        (("prod",), "v7", None, False),
        (("prod",), "prod", {"v7"}, True),
        (("prod",), "prod", set(), True),
        (("prod", "v*"), "prod", {"v7", "latest"}, False),
        (("**",), "prod", {DIGEST_NAME}, True),
        (("**",), DIGEST_NAME, None, False),
    ],
)
def test_who_chooses_tags_hears_of_an_image_by_the_first_of_them(
    tags: tuple[str, ...], name: str, known_by: set[str] | None, hears: object
) -> None:
    """Everybody else by whichever comes first; a digest matches no glob over tags."""
    table = RouteTable(routes=(replace(ROUTE, where=Where(tags=tags)),))
    known = None if known_by is None else frozenset(known_by)
    assert bool(table.hearing(_stream(name), known)) is hears


@pytest.mark.parametrize(
    ("told", "takes"),
    [
        (NEWLY_UNHEALTHY, True),
        (HIGH, False),
        (RESOLVED, True),
        (BECAME_UNKNOWN, True),
        (EXEMPTION_EXPIRING, True),
        (replace(EXEMPTION_EXPIRING, expiring=EXEMPTION_EXPIRING.expiring * 3), True),
    ],
)
def test_a_severity_leaves_out_what_is_less_severe(told: object, takes: object) -> None:
    """It says nothing of what has none."""
    route = replace(ROUTE, least=Severity.CRITICAL, kinds=frozenset(TransitionKind))
    assert route.takes(told) is takes  # type: ignore[arg-type]  # announcements all


def test_an_expiring_exemption_weighs_what_it_accepts() -> None:
    """A route for CRITICAL does not hear of one that accepts something MEDIUM."""
    [decision] = EXEMPTION_EXPIRING.expiring
    medium = replace(decision, subject=replace(decision.subject, severity=Severity.MEDIUM))
    told = replace(EXEMPTION_EXPIRING, expiring=(medium,))
    assert not replace(ROUTE, least=Severity.CRITICAL).takes(told)


def test_every_route_that_hears_is_told() -> None:
    """Not only the first."""
    other = replace(ROUTE, name="security", where=Where(tags=("prod",)))
    table = RouteTable(routes=(ROUTE, other, replace(ROUTE, name="lead")))
    assert [route.name for route in table.hearing(_stream("v7"), None)] == ["shop", "lead"]
    assert table.find("security") is other
    assert table.find("nobody") is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-22T12:00", "2026-11-22T12:00"),
        ("2026-11-22T20:59", "2026-11-22T20:59"),
        ("2026-11-22T21:00", "2026-11-23T06:00"),
        ("2026-11-23T05:59", "2026-11-23T06:00"),
        ("2026-11-23T06:00", "2026-11-23T06:00"),
        # The night in which clocks go forward, and the one in which they go back.
        ("2026-03-28T22:00", "2026-03-29T05:00"),
        ("2026-10-24T21:00", "2026-10-25T06:00"),
    ],
)
def test_quiet_hours_hold_back_until_they_end(now: str, expected: str) -> None:
    """By the clocks of the zone; in Berlin 22:00 to 07:00, which is an hour less in UTC."""
    route = replace(ROUTE, quiet=NIGHT)
    assert next_send_time(route, HIGH, _utc(now)) == _utc(expected)


@pytest.mark.parametrize("told", ALL)
def test_only_what_is_urgent_breaks_the_quiet(told: object) -> None:
    """CRITICAL, and newly so or worse; nobody gets up for what is resolved."""
    night = _utc("2026-11-23T02:00")
    sent = next_send_time(replace(ROUTE, quiet=NIGHT), told, night)  # type: ignore[arg-type]  # likewise
    assert (sent == night) is (told in (NEWLY_UNHEALTHY, WORSE))


def test_a_digest_waits_for_its_time() -> None:
    """Urgent or not, the next one that is still to come."""
    route = replace(ROUTE, digest=Daily(at=time(8), zone=BERLIN))
    assert next_send_time(route, NEWLY_UNHEALTHY, _utc("2026-11-22T06:59")) == _utc(
        "2026-11-22T07:00"
    )
    assert next_send_time(route, NEWLY_UNHEALTHY, _utc("2026-11-22T07:00")) == _utc(
        "2026-11-23T07:00"
    )


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Tokyo"])
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@given(
    begin=TIMES,
    end=TIMES,
    zone=ZONES.map(ZoneInfo),
    now=st.datetimes(datetime(2011, 12, 25), datetime(2030, 1, 1)).map(  # noqa: DTZ001  made aware next
        lambda at: at.replace(tzinfo=UTC)
    ),
)
def test_nothing_is_held_back_for_good(
    begin: time, end: time, zone: ZoneInfo, now: datetime
) -> None:
    """Never earlier than now, never over a day and a bit, and then it is not quiet any more."""
    if begin == end:
        return
    route = replace(ROUTE, quiet=Quiet(begin=begin, end=end, zone=zone))
    moment = next_send_time(route, HIGH, now)
    assert now <= moment <= now + timedelta(hours=50)
    if zone.key in {"UTC", "Asia/Tokyo"}:
        # Elsewhere a clock that goes forward may lead from quiet hours into the next ones.
        assert next_send_time(route, HIGH, moment) == moment


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_default_is_what_owners_act_on() -> None:
    """All kinds but one."""
    assert frozenset(TransitionKind) - DEFAULT_KINDS == {TransitionKind.BECAME_UNKNOWN}
