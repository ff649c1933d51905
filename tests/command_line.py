"""The command as tests run it: in this process, on a store and a clock of their own."""

from collections.abc import Callable
from datetime import datetime, timedelta

from typer.testing import CliRunner, Result

from scanner.bills import Bills
from scanner.cli import app
from scanner.cli.surroundings import Surroundings
from scanner.errors import SettingsError
from scanner.ports import Pulls, ReportStore, Undelivered
from scanner.verification import Verifier
from scanner.wiring import Operations
from tests.catalogue_fakes import InMemoryHeld, InMemoryQueue, InMemorySightings
from tests.examples import NOW, REGISTRIES
from tests.fakes import InMemoryPolicyArchive

HOSTILE = (
    "\x1b[31mred\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\ [red]bold[/red] [link=x]y[/]"
    " \u202egpj.exe \x9b2J :skull: \r\n\x07end\x7f"
)
"""Everything that a terminal or rich might obey: ESC, OSC 8, markup, bidi, C1, emoji, DEL."""
OBEYED = ("\x1b", "\x9b", "\x07", "\x7f", "\r", "\u202e", "\N{SKULL}")


def pushscan(
    *arguments: str,
    store: ReportStore,
    now: datetime | None = None,
    operations: Operations | None = None,
    verifier: Callable[[], Verifier] | None = None,
    bills: Callable[[], Bills] | None = None,
    pulls: Pulls | None = None,
) -> Result:
    """Run `pushscan` with these arguments, five hours after the examples."""
    clock = now or NOW + timedelta(hours=5)
    around = Surroundings(
        report_store=lambda: store,
        operations=lambda: operations or in_memory(store),
        verifier=verifier or _no_verifier,
        bills=bills or _no_bills,
        registries=lambda: REGISTRIES,
        pulls=lambda: pulls,
        now=lambda: clock,
        sleep=lambda _: None,
    )
    return CliRunner().invoke(app, list(arguments), obj=around)


def _no_verifier() -> Verifier:
    raise SettingsError("settings: there is nothing to examine with")


def _no_bills() -> Bills:
    raise SettingsError("settings: there is no Trivy")


def in_memory(
    store: ReportStore,
    *,
    jobs: InMemoryQueue | None = None,
    poison: InMemoryHeld | None = None,
    unreadable: InMemoryHeld | None = None,
    sightings: InMemorySightings | None = None,
    policies: InMemoryPolicyArchive | None = None,
    routes_fault: str = "",
) -> Operations:
    """Return what operators act on, empty but for what is given; two notices were not taken."""
    return Operations(
        store=store,
        jobs=jobs or InMemoryQueue(),
        poison=poison or InMemoryHeld(),
        unreadable=unreadable or InMemoryHeld(),
        sightings=sightings or InMemorySightings(),
        undelivered=lambda: [
            Undelivered(route="shop", notices=2, last_error="route shop: answered 410")
        ],
        policies=policies or InMemoryPolicyArchive(),
        routes_fault=lambda: routes_fault,
    )
