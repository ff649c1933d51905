"""`make demo`: the main job, visibly. Ends with 0 only if all is as expected."""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.acr import RegistryClient
from local.samples.advisories import install_sample
from local.samples.expected import EXPECTED
from local.stack import Stack
from scanner import settings, wiring
from scanner.model import Digest, ImageReference, Status
from scanner.ports import CurrentVerdict, ReportStore

SAMPLES: Final = Path(".local/samples")
SHOWN: Final = ("clean", "vulnerable", "multi-platform", "signature")
_VERDICT_SECONDS: Final = 60.0
_NOTICE_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05
_COLOURS: Final = {
    Status.HEALTHY: "green",
    Status.UNHEALTHY: "red",
    Status.UNKNOWN: "yellow",
    Status.NOT_APPLICABLE: "cyan",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    name: str
    seconds: float
    """From the end of the push to the stored verdict."""
    verdict: CurrentVerdict | None


def main() -> int:
    """Push the samples, show what becomes of them, and return the exit status."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="pushscan-demo-") as folder:
        home = Path(folder)
        advisories = install_sample(home / "advisories", updated_at=datetime.now(UTC))
        with (
            console.status("Starting storage, registry and app"),
            Stack(home / "stack", advisories=home / "advisories") as stack,
        ):
            console.print(f"app       {stack.url}/api/acr/webhook")
            console.print(f"registry  https://{stack.registry.login_server} (stand-in, TLS)")
            console.print(
                f"advisories {advisories.source}: knows these samples only", style="yellow"
            )
            judged = list(_push_all(stack, console))
            stack.images.wait_for(_expected_notices(), seconds=_NOTICE_SECONDS)
            notices = stack.images.notices + stack.operators.notices
    console.print(_verdicts(judged))
    console.print(_notices(notices))
    faults = [*_wrong_verdicts(judged), *_wrong_notices(notices)]
    for fault in faults:
        console.print(f"not as expected: {fault}", style="red")
    if not faults:
        console.print("All as expected.", style="green")
    return 1 if faults else 0


def _push_all(stack: Stack, console: Console) -> Iterator[_Judged]:
    store = wiring.report_store(settings.read(stack.settings()).storage)
    with _client(stack) as client:
        for name in SHOWN:
            with console.status(f"Pushing {name}"):
                digest = Digest(client.push_layout(SAMPLES / name, f"demo/{name}:v1"))
                image = ImageReference(
                    registry=stack.registry.login_server,
                    repository=f"demo/{name}",
                    digest=digest,
                )
                began = time.monotonic()
                verdict = _wait_for(store, image)
                yield _Judged(name=name, seconds=time.monotonic() - began, verdict=verdict)


@contextmanager
def _client(stack: Stack) -> Iterator[RegistryClient]:
    registry = stack.registry
    with RegistryClient(
        registry.login_server,
        username=registry.admin.username,
        password=registry.admin.password,
        ca_file=registry.ca_file,
    ) as client:
        yield client


def _wait_for(store: ReportStore, image: ImageReference) -> CurrentVerdict | None:
    deadline = time.monotonic() + _VERDICT_SECONDS
    while time.monotonic() < deadline:
        verdict = store.current(image)
        if verdict is not None:
            return verdict
        time.sleep(_POLL_SECONDS)
    return None


def _expected_notices() -> int:
    return sum(EXPECTED[name].status is Status.UNHEALTHY for name in SHOWN)


def _wrong_verdicts(judged: list[_Judged]) -> Iterator[str]:
    for entry in judged:
        expected = EXPECTED[entry.name]
        got = (entry.verdict.status, entry.verdict.reason) if entry.verdict else None
        if got != (expected.status, str(expected.reason or "")):
            yield f"{entry.name} is {got}"


def _wrong_notices(notices: tuple[Mapping[str, Any], ...]) -> Iterator[str]:
    told = sorted(notice["subject"].partition("@")[0] for notice in notices)
    expected = sorted(f"demo/{name}" for name in SHOWN if EXPECTED[name].status is Status.UNHEALTHY)
    if told != expected:
        yield f"notices came for {told}"


def _verdicts(judged: list[_Judged]) -> Table:
    table = Table(title="Verdicts", title_justify="left")
    for column in ("image", "push to verdict", "verdict", "findings", "why"):
        table.add_column(column)
    for entry in judged:
        verdict = entry.verdict
        if verdict is None:
            table.add_row(entry.name, "none", "", "", "")
            continue
        reason = f"({verdict.reason})" if verdict.reason else ""
        table.add_row(
            Text(entry.name),
            f"{entry.seconds:.1f} s",
            Text(f"{verdict.status}{reason}", style=_COLOURS[verdict.status]),
            Text(verdict.counts),
            Text(verdict.explanation),
        )
    return table


def _notices(notices: tuple[Mapping[str, Any], ...]) -> Table:
    table = Table(title="Notices", title_justify="left")
    for column in ("type", "subject"):
        table.add_column(column)
    for notice in notices:
        table.add_row(Text(notice["type"]), Text(notice["subject"]))
    return table


if __name__ == "__main__":
    sys.exit(main())
