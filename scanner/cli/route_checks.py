"""What `pushscan doctor` says of routes."""

from collections.abc import Callable

from scanner.cli.doctor import Diagnosis, Outcome
from scanner.model import TransitionKind
from scanner.notify.routes.route import RouteTable


def examine_routes(read: Callable[[], RouteTable]) -> Diagnosis:
    """Say who hears of what; nothing is sent. Raises SettingsError and StoreError."""
    routes = read().routes
    if not routes:
        detail = "nobody is told: set PUSHSCAN_NOTICE_URL and PUSHSCAN_NOTICE_SECRET, or "
        return Diagnosis(outcome=Outcome.WARN, detail=f"{detail}PUSHSCAN_ROUTES")
    names = ", ".join(route.name for route in routes)
    unheard = [
        kind.value
        for kind in (TransitionKind.NEWLY_UNHEALTHY, TransitionKind.BECAME_UNKNOWN)
        if not any(kind in route.kinds for route in routes)
    ]
    if unheard:
        detail = f"{names}; nobody is told of {' and '.join(unheard)}"
        return Diagnosis(outcome=Outcome.WARN, detail=detail)
    detail = f"{names}; not tried: `pushscan notify test ROUTE` sends a sample"
    return Diagnosis(outcome=Outcome.OK, detail=detail)
