"""Many images matched, so many at a time that memory is bounded."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from scanner.model import LayeredImage, ScanReport, Unexaminable
from scanner.trivy.analysis import Workbench
from scanner.trivy.matching import Stack, match
from scanner.trivy.unread import Piles
from scanner.trivy.warm import match_warm

_AT_ONCE: Final = 25
_RECORD_BYTES: Final = 32 << 20
"""Of all images at a time: beside their records the worker holds them in a file once more."""
_SECONDS: Final = 300.0
_FEW: Final = 2
"""So many are sooner matched alone than a Trivy is there to be asked."""

_Seen = Sequence[ScanReport | Unexaminable]


def match_all(
    images: Iterable[LayeredImage], bench: Workbench, *, scratch: Path
) -> Iterator[ScanReport | Unexaminable]:
    """Yield what is seen of each image, in their order. Layers are asked for when there is room.

    It ends before the last image when five minutes are over: hostile images together could else
    take longer than a host lets a function run, and nothing of them all would be done.

    Raises as `scanner.trivy.matching.match` does.
    """
    ends_at = time.monotonic() + _SECONDS
    piles = Piles()
    stacks = (Stack.of(image.layers, known=image.passed_over, piles=piles) for image in images)
    for portion in _portions(stacks):
        seen = _match_portion(portion, bench=bench, scratch=scratch, ends_at=ends_at)
        yield from seen
        if len(seen) < len(portion):
            return


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
    stacks: Sequence[Stack], *, bench: Workbench, scratch: Path, ends_at: float
) -> _Seen:
    """Match images until the time is over."""
    warm: Sequence[ScanReport | Unexaminable | None] = [None] * len(stacks)
    if len(stacks) > _FEW:
        warm = match_warm(stacks, bench, scratch=scratch, ends_at=ends_at)
    seen = []
    for stack, found in zip(stacks, warm, strict=True):
        if found is None and time.monotonic() >= ends_at:
            break
        seen.append(match(stack, bench, scratch=scratch) if found is None else found)
    return seen
