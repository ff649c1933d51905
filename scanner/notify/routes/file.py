"""Reads `routes.yaml`; every fault is named at once, with its line and field."""

import re
from datetime import time
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scanner.errors import PolicyError, SettingsError
from scanner.model import Severity, TransitionKind
from scanner.notify.routes.opening import Openings, Surroundings
from scanner.notify.routes.parts import required
from scanner.notify.routes.route import (
    DEFAULT_KINDS,
    UNHEALTHY_KINDS,
    Daily,
    Quiet,
    Route,
    RouteTable,
    Where,
)
from scanner.policy.members import Faults, Members
from scanner.policy.nodes import parse

MAX_FILE_BYTES: Final = 256 * 1024
MAX_ROUTES: Final = 100

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""It stands in keys of tables and in messages."""
_UNKNOWN = TransitionKind.BECAME_UNKNOWN


def read_routes(name: str, untrusted_text: bytes, surroundings: Surroundings) -> RouteTable:
    """Read the file of this name. Raises SettingsError with every fault in it."""
    if len(untrusted_text) > MAX_FILE_BYTES:
        raise SettingsError(f"routes: {name} is larger than {MAX_FILE_BYTES} bytes")
    faults = Faults(name)
    openings = Openings(surroundings)
    try:
        top = Members(parse(name, untrusted_text), "", faults)
        if "version" not in top:
            top.missing("version")
        top.parsed("version", {"1": 1}.__getitem__, "1")
        routes = [_route(members, openings) for members in top.each("routes")]
        if not 0 < len(routes) <= MAX_ROUTES:
            top.fault("routes", f"are not 1 to {MAX_ROUTES}")
        for repeated in _repeated([route.name for route in routes]):
            top.fault("routes", f"have the name {repeated!a} twice")
        for unused in openings.unused():
            top.fault("routes", f"never name the setting {unused}")
        top.refuse_unread()
        faults.raise_any()
    except PolicyError as error:
        raise SettingsError(f"routes: {error}") from error
    return RouteTable(routes=tuple(routes))


def _repeated(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def _route(members: Members, openings: Openings) -> Route:
    name = required(members, "name", _NAME, "1 to 40 of a-z, 0-9 and hyphens")
    opening = openings.read(members, name)
    kinds = frozenset(members.several("transitions", TransitionKind, _names(TransitionKind)))
    if TransitionKind.RESOLVED in kinds and not kinds & {*UNHEALTHY_KINDS, _UNKNOWN}:
        members.fault("transitions", "has `resolved` without what would be resolved")
    route = Route(
        name=name,
        open_channel=opening.open,
        where=_where(members.inner("where")),
        least=members.parsed("severity", _severity, _SEVERITIES),
        kinds=kinds or DEFAULT_KINDS,
        quiet=_quiet(members.inner("quiet")),
        digest=_digest(members.inner("digest")),
    )
    if route.digest is not None and not opening.takes_digest:
        members.fault("digest", "is for mail only")
    if route.digest is not None and route.quiet is not None:
        members.fault("quiet", "goes with no digest, which has its own time")
    if route.least is not None and not route.kinds & DEFAULT_KINDS:
        members.fault("severity", "says nothing of images that became unknown")
    members.refuse_unread()
    return route


def _where(members: Members | None) -> Where:
    if members is None:
        return Where()
    where = Where(
        registries=members.texts("registries"),
        repositories=members.texts("repositories"),
        tags=members.texts("tags"),
    )
    members.refuse_unread()
    return where


def _quiet(members: Members | None) -> Quiet | None:
    if members is None:
        return None
    begin, end = _time(members, "from"), _time(members, "until")
    if begin == end and begin is not None:
        members.fault("until", "is when they begin")
    quiet = Quiet(
        begin=begin or time(),
        end=end or time(),
        zone=_zone(members),
        urgent=members.parsed("urgent", _severity, _SEVERITIES),
    )
    members.refuse_unread()
    return quiet


def _digest(members: Members | None) -> Daily | None:
    if members is None:
        return None
    digest = Daily(at=_time(members, "at") or time(), zone=_zone(members))
    members.refuse_unread()
    return digest


def _time(members: Members, name: str) -> time | None:
    if name not in members:
        members.missing(name)
    return members.parsed(name, _time_of_day, "a time like 07:30")


def _time_of_day(text: str) -> time:
    hours, _, minutes = text.partition(":")
    if not (len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal()):  # noqa: PLR2004  two digits each
        raise ValueError(text)
    return time(int(hours), int(minutes))


def _zone(members: Members) -> ZoneInfo:
    zone = members.parsed("zone", _zone_info, "a time zone like Europe/Berlin")
    return zone or ZoneInfo("UTC")


def _zone_info(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(text) from error


def _severity(text: str) -> Severity:
    severity = Severity[text]
    if severity is Severity.UNKNOWN:
        raise ValueError(text)
    return severity


def _names(kinds: type[TransitionKind]) -> str:
    return f"one of {', '.join(kind.value for kind in kinds)}"


_SEVERITIES = "LOW, MEDIUM, HIGH or CRITICAL"
