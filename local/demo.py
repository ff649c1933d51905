"""`make demo`: the main job, visibly. Ends with 0 only if all is as expected."""

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from local.demo_messages import Messages
from local.demo_news import News
from local.samples.advisories import install_sample
from local.samples.expected import EXPECTED
from local.stack import Stack
from scanner import settings
from scanner.model import Digest, ImageReference, Report, Status
from scanner.ports import CurrentVerdict, ReportStore
from scanner.wiring import Wiring

SAMPLES: Final = Path(".local/samples")
MESSAGES: Final = Path(".local/demo")
SHOWN: Final = ("clean", "vulnerable", "multi-platform", "signature")
_VERDICT_SECONDS: Final = 60.0
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
    report: Report | None


def main() -> int:
    """Push the samples, let things happen to them, and return the exit status."""
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="pushscan-demo-") as folder:
        home = Path(folder)
        advisories = install_sample(home / "advisories", updated_at=datetime.now(UTC))
        with (
            console.status("Starting storage, registry and app") as status,
            Stack(home / "stack", advisories=home / "advisories", has_channels=True) as stack,
        ):
            status.stop()
            console.print(f"app         {stack.url}/api/acr/webhook")
            console.print(f"registry    https://{stack.registry.login_server} (stand-in, TLS)")
            console.print(
                f"advisories  {advisories.source}: real ones, for these samples' packages only",
                style="yellow",
            )
            faults = list(_happenings(stack, home, console))
    for fault in faults:
        console.print(f"not as expected: {fault}", style="red")
    if not faults:
        console.print("\nAll as expected.", style="green")
    return 1 if faults else 0


def _happenings(stack: Stack, home: Path, console: Console) -> Iterator[str]:
    """Yield what is not as expected."""
    app = Wiring(settings.read(stack.settings()))
    messages = Messages(channels=stack.channels)
    console.print("\nVerdicts, and the time from the push to each", style="bold")
    judged = []
    for entry in _push_all(stack, app.store, console):
        _show(entry, console)
        judged.append(entry)
    yield from _wrong_verdicts(judged)
    console.print("\nWhat people are told of them", style="bold")
    yield from messages.show_next(*_expected_messages(), console=console)
    news = News(
        stack=stack,
        wiring=app,
        messages=messages,
        samples=SAMPLES,
        advisories=home / "advisories",
        scratch=home,
        console=console,
    )
    yield from news.show()
    messages.keep(MESSAGES)
    console.print(f"\nEach message as its channel got it: {MESSAGES} (Slack takes one a second)")


def _push_all(stack: Stack, store: ReportStore, console: Console) -> Iterator[_Judged]:
    with stack.registry.client() as client:
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
                yield _Judged(
                    name=name,
                    seconds=time.monotonic() - began,
                    verdict=verdict,
                    report=store.find_report(verdict.report_id) if verdict else None,
                )


def _wait_for(store: ReportStore, image: ImageReference) -> CurrentVerdict | None:
    deadline = time.monotonic() + _VERDICT_SECONDS
    while time.monotonic() < deadline:
        verdict = store.current(image)
        if verdict is not None:
            return verdict
        time.sleep(_POLL_SECONDS)
    return None


def _expected_messages() -> list[str]:
    return ["newly-unhealthy" for name in SHOWN if EXPECTED[name].status is Status.UNHEALTHY]


def _wrong_verdicts(judged: list[_Judged]) -> Iterator[str]:
    for entry in judged:
        expected = EXPECTED[entry.name]
        got = (entry.verdict.status, entry.verdict.reason) if entry.verdict else None
        if got != (expected.status, str(expected.reason or "")):
            yield f"{entry.name} is {got}"


def _show(judged: _Judged, console: Console) -> None:
    verdict, report = judged.verdict, judged.report
    line = Text(f"{judged.name:<16}")
    if verdict is None or report is None:
        console.print(line.append(f"no verdict within {_VERDICT_SECONDS:.0f} s", style="red"))
        return
    line.append(f"{report.verdict!s:<27}", style=_COLOURS[verdict.status])
    line.append(f"{judged.seconds:>4.1f} s   {_counted(verdict)}".rstrip())
    console.print(line)
    console.print(Text(f"{'':<16}{verdict.explanation}"))
    for entry in report.platforms:
        console.print(Text(f"{'':<16}{entry.platform}: {entry.verdict}"))


def _counted(verdict: CurrentVerdict) -> str:
    counts = [entry.partition("=") for entry in verdict.counts.split()]
    seen = ", ".join(
        f"{number} {severity.lower()}" for severity, _, number in counts if number != "0"
    )
    return seen or ("no findings" if counts else "")


if __name__ == "__main__":
    sys.exit(main())
