"""`python -m bench.stages`: where the time of a push goes, part by part, in one process.

The parts of the worker are the real ones, each behind a watch. What the whole takes longer through
the app is the queue: its two requests, and the host's wait between two looks at it.
"""

import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from rich.console import Console
from rich.table import Table

from bench import images
from bench.__main__ import IMAGES
from bench.judging import Judge
from bench.layers import forget_layers
from local.samples.advisories import install_sample
from local.stack import Stack
from scanner import jobs, settings
from scanner.model import ImageReference, ScanJob
from scanner.pipeline import Pipeline
from scanner.wiring import Wiring

_ROUNDS: Final = 5
_MEGABYTES: Final = 300
_KNOWN: Final = "stages/known"


@dataclass(slots=True)
class Watch:
    """What was called, how often, and when something of that name was under way."""

    began: float = field(default_factory=time.monotonic)
    spans: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def over(self, name: str) -> Iterator[None]:
        """Note one call."""
        began = time.monotonic() - self.began
        try:
            yield
        finally:
            with self._lock:
                self.spans[name].append((began, time.monotonic() - self.began))

    def on(self, part: str, real: object) -> Any:  # noqa: ANN401  it stands for what it watches
        """Return a part of which every call is noted."""
        return _Watched(self, part, real)


class _Watched:
    def __init__(self, watch: Watch, part: str, real: object) -> None:
        self._watch, self._part, self._real = watch, part, real

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  likewise
        found = getattr(self._real, name)
        if not callable(found):
            return found

        def watched(*values: object, **named: object) -> object:
            with self._watch.over(f"{self._part}.{name}"):
                return cast("Callable[..., object]", found)(*values, **named)

        return watched


def main() -> None:
    """Measure a push of which nothing is known, and one that differs by a small layer."""
    console = Console(highlight=False, width=110)
    with tempfile.TemporaryDirectory(prefix="pushscan-stages-") as folder:
        home = Path(folder)
        install_sample(home / "advisories", updated_at=datetime.now(UTC))
        stack = Stack(home / "stack", advisories=home / "advisories")
        with stack, stack.registry.client() as client:
            settings.adopt(stack.settings())
            _measure(stack, Judge.at(stack, client), home, console)


def _measure(stack: Stack, judge: Judge, home: Path, console: Console) -> None:
    wiring = Wiring(settings.load())
    base = images.of_eight_layers(_MEGABYTES, IMAGES)
    judge.wait(judge.push(base, _KNOWN))
    changed = [images.with_another_layer(base, n, home / "changed") for n in range(2 * _ROUNDS)]

    def forget() -> None:
        forget_layers(stack)

    def leave() -> None:
        pass

    pushes: list[tuple[str, list[Path], Callable[[], None]]] = [
        (f"A layer of 1 MB on {_MEGABYTES} MB in 8 known layers", changed, leave),
        (f"{_MEGABYTES} MB in 8 layers, none known", [base] * len(changed), forget),
    ]
    for title, layouts, prepare in pushes:
        watches, through_app = [], []
        for number in range(_ROUNDS):
            prepare()
            # A verdict is kept by repository and digest: under a new name nothing is known of it.
            place = _KNOWN if prepare is leave else f"stages/new-{number}"
            pushed = judge.push(layouts[2 * number], place)
            through_app.append(judge.wait(pushed))
            prepare()
            watches.append(_judged(stack, judge, wiring, layouts[2 * number + 1]))
        console.print(_table(title, watches, statistics.median(through_app)))


def _judged(stack: Stack, judge: Judge, wiring: Wiring, layout: Path) -> Watch:
    target, stack.registry.webhooks.target = stack.registry.webhooks.target, None
    try:
        image = judge.push(layout, _KNOWN)
    finally:
        stack.registry.webhooks.target = target
    watch = Watch()
    pipeline = _watched(wiring, watch)
    with watch.over("all"):
        pipeline.judge(_job(image))
    return watch


def _watched(wiring: Wiring, watch: Watch) -> Pipeline:
    real = wiring.pipeline
    return replace(
        real,
        examiner=replace(
            real.examiner,
            registry=watch.on("registry", real.examiner.registry),
            scanner=watch.on("scanner", real.examiner.scanner),
            inventories=watch.on("inventories", real.examiner.inventories),
        ),
        publisher=replace(
            real.publisher,
            store=watch.on("store", real.publisher.store),
            herald=watch.on("herald", real.publisher.herald),
        ),
    )


def _job(image: ImageReference) -> ScanJob:
    now = datetime.now(UTC)
    return ScanJob(id=jobs.job_id(image), image=image, requested_at=now, not_before=now)


def _table(title: str, watches: list[Watch], through_app: float) -> Table:
    table = Table(title=title)
    for name in ("part", "calls", "begins", "ends", "under way", "sum of calls"):
        table.add_column(name, justify="left" if name == "part" else "right")
    names = dict.fromkeys(name for watch in watches for name in watch.spans)
    begins = {name: _median(watches, name, _first) for name in names}
    for name in sorted(names, key=begins.__getitem__):
        table.add_row(
            name,
            f"{_median(watches, name, len):.0f}",
            _shown(begins[name]),
            _shown(_median(watches, name, lambda spans: max(e for _, e in spans))),
            _shown(_median(watches, name, _under_way)),
            _shown(_median(watches, name, lambda spans: sum(e - b for b, e in spans))),
        )
    table.add_row("through the app, from the push", "", "", "", "", _shown(through_app))
    return table


def _median(
    watches: list[Watch], name: str, of: Callable[[list[tuple[float, float]]], float]
) -> float:
    return statistics.median(of(watch.spans[name]) for watch in watches if watch.spans[name])


def _first(spans: list[tuple[float, float]]) -> float:
    return min(began for began, _ in spans)


def _under_way(spans: list[tuple[float, float]]) -> float:
    """Return how long at least one call was under way."""
    total, until = 0.0, 0.0
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    main()
