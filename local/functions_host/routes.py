"""Which function a path and a method mean: route templates as ASP.NET reads them.

Literals beat parameters and parameters beat catch-alls; literals are compared without case. A
method that no template takes is 404, as on the real host, where it is a constraint of the route
(azure-functions-host, WebScriptHostHttpRoutesManager).
"""

import re
from typing import Final

import msgspec

from local.functions_host.errors import AppError, UnsupportedError
from local.functions_host.index import HttpTrigger, IndexedFunction

_LITERAL, _PARAMETER, _CATCH_ALL = range(3)
_SEGMENT: Final = re.compile(r"\{(\*{0,2})([A-Za-z_]\w*)(\??)\}")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A function and the paths that it answers, the most specific first when sorted by `rank`."""

    function: IndexedFunction
    trigger: HttpTrigger
    pattern: re.Pattern[str]
    rank: tuple[int, ...]


def build_routes(functions: tuple[IndexedFunction, ...], prefix: str) -> list[Route]:
    """Compile the routes of all HTTP functions, `prefix` (host.json's routePrefix) before each.

    Raises:
        AppError: Two functions have the same route and a method in common.
        UnsupportedError: A route with constraints, defaults or mixed segments.
    """
    routes: list[Route] = []
    for function in functions:
        if isinstance(function.trigger, HttpTrigger):
            route = _compile(function, function.trigger, prefix)
            _check_distinct(route, routes)
            routes.append(route)
    return sorted(routes, key=lambda route: route.rank)


def find_route(routes: list[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route for a request with its parameters, or none."""
    for route in routes:
        if method in route.trigger.methods and (match := route.pattern.fullmatch(path.strip("/"))):
            return route, {name: text for name, text in match.groupdict().items() if text}
    return None


def _compile(function: IndexedFunction, trigger: HttpTrigger, prefix: str) -> Route:
    pattern = ""
    rank = []
    for segment in f"{prefix}/{trigger.route}".strip("/").split("/"):
        slash = "/" if pattern else ""
        if not set(segment) & set("{}"):
            pattern += f"{slash}(?i:{re.escape(segment)})"
            rank.append(_LITERAL)
            continue
        match = _SEGMENT.fullmatch(segment)
        if match is None:
            raise UnsupportedError(f"{function.name}: this host reads no route part {segment!r}")
        stars, name, optional = match.groups()
        if stars:
            pattern += f"(?:{slash}(?P<{name}>.*))?"
            rank.append(_CATCH_ALL)
        else:
            pattern += f"(?:{slash}(?P<{name}>[^/]+)){optional}"
            rank.append(_PARAMETER)
    return Route(function=function, trigger=trigger, pattern=re.compile(pattern), rank=tuple(rank))


def _check_distinct(route: Route, others: list[Route]) -> None:
    for other in others:
        same = other.pattern.pattern.casefold() == route.pattern.pattern.casefold()
        if same and other.trigger.methods & route.trigger.methods:
            raise AppError(
                f"{route.function.name} and {other.function.name} have the same route "
                f"{route.trigger.route!r}"
            )
