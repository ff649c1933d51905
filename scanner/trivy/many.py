"""Many images matched at once: so many at a time that memory is bounded, on all processors."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Final

from scanner.model import LayerInventory, ScanReport, Unexaminable
from scanner.trivy.analysis import Workbench
from scanner.trivy.matching import Stack, match
from scanner.trivy.unread import Piles
from scanner.trivy.warm import match_warm

_AT_ONCE: Final = 50
_RECORD_BYTES: Final = 64 << 20
"""Of all images at a time: beside their records the worker holds them in a file once more."""
_SECONDS: Final = 300.0
_FEW: Final = 2
"""So many are sooner matched alone than a Trivy is there to be asked."""


def match_all(
    images: Iterable[Sequence[LayerInventory]], bench: Workbench, *, scratch: Path
) -> Iterator[ScanReport | Unexaminable]:
    """Yield what is seen of each image, in their order. Layers are asked for when there is room.

    It ends before the last image when five minutes are over: hostile images together could else
    take longer than a host lets a function run, and nothing of them all would be done.

    Raises as `scanner.trivy.matching.match` does.
    """
    ends_at = time.monotonic() + _SECONDS
    piles = Piles()
    for portion in _portions(Stack.of(layers, piles) for layers in images):
        for seen in _match_portion(portion, bench, scratch, ends_at):
            if seen is None:
                return
            yield seen


def _portions(stacks: Iterable[Stack]) -> Iterator[Sequence[Stack]]:
    portion: list[Stack] = []
    records: dict[str, int] = {}
    for stack in stacks:
        portion.append(stack)
        records |= zip(stack.keys, map(len, stack.untrusted_records), strict=True)
        if len(portion) == _AT_ONCE or sum(records.values()) > _RECORD_BYTES:
            yield portion
            portion, records = [], {}
    if portion:
        yield portion


def _match_portion(
    stacks: Sequence[Stack], bench: Workbench, scratch: Path, ends_at: float
) -> Iterator[ScanReport | Unexaminable | None]:
    width = min(bench.limits.processors, len(stacks))
    shares = [stacks[number::width] for number in range(width)]
    match_share = partial(_match_share, bench=bench, scratch=scratch, ends_at=ends_at)
    with ThreadPoolExecutor(width, "match") as side_by_side:
        seen = chain.from_iterable(zip_longest(*side_by_side.map(match_share, shares)))
        return islice(seen, len(stacks))


def _match_share(
    stacks: Sequence[Stack], *, bench: Workbench, scratch: Path, ends_at: float
) -> Sequence[ScanReport | Unexaminable | None]:
    warm: Sequence[ScanReport | Unexaminable | None] = [None] * len(stacks)
    if len(stacks) > _FEW:
        warm = match_warm(stacks, bench, scratch=scratch, ends_at=ends_at)
    return [
        match(stack, bench, scratch=scratch)
        if seen is None and time.monotonic() < ends_at
        else seen
        for stack, seen in zip(stacks, warm, strict=True)
    ]
