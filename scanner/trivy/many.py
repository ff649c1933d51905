"""Many images matched at once: so many at a time that memory is bounded, on all processors."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final

from scanner.model import LayerInventory, ScanReport, Unexaminable
from scanner.trivy.analysis import Workbench
from scanner.trivy.matching import Stack, match
from scanner.trivy.warm import match_warm

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 50
_RECORD_BYTES: Final = 64 << 20
"""Of all images at a time: beside their records the worker holds them in a file once more."""
_FEW: Final = 2
"""So many are sooner matched alone than a Trivy is there to be asked."""


def match_all(
    images: Iterable[Sequence[LayerInventory]], bench: Workbench, *, scratch: Path
) -> Iterator[ScanReport | Unexaminable]:
    """Yield what is seen of each image, in their order. Layers are asked for when there is room.

    Raises as `scanner.trivy.matching.match` does.
    """
    for portion in _portions(map(Stack.of, images)):
        yield from _match_portion(portion, bench, scratch)


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
    stacks: Sequence[Stack], bench: Workbench, scratch: Path
) -> Iterator[ScanReport | Unexaminable]:
    width = min(bench.limits.processors, len(stacks))
    shares = [stacks[number::width] for number in range(width)]
    with ThreadPoolExecutor(width, "match") as side_by_side:
        seen = side_by_side.map(partial(_match_share, bench=bench, scratch=scratch), shares)
        return filter(None, chain.from_iterable(zip_longest(*seen)))


def _match_share(
    stacks: Sequence[Stack], *, bench: Workbench, scratch: Path
) -> Sequence[ScanReport | Unexaminable]:
    warm: Sequence[ScanReport | Unexaminable | None] = [None] * len(stacks)
    if len(stacks) > _FEW:
        warm = match_warm(stacks, bench, scratch=scratch)
    return [
        match(stack, bench, scratch=scratch) if seen is None else seen
        for stack, seen in zip(stacks, warm, strict=True)
    ]
