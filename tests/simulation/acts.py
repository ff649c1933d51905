"""What can happen to a repository, and draws of it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanner.model import Digest

DIGESTS = tuple(Digest.of(f"image {number}".encode()) for number in range(3))
TAGS = ("latest", "v1", "v2")
HEALTHS: tuple[frozenset[str] | None, ...] = (
    frozenset(),
    frozenset("a"),
    frozenset("ab"),
    frozenset("bc"),
    None,
)
"""What blocks; None where that is unknown."""

SIMPLE = ("push", "push_digest", "index", "news", "exempt", "delete", "wait", "look", "wake")
"""What can also happen while somebody else is at work."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens."""

    what: str
    digest: Digest = DIGESTS[0]
    tag: str = TAGS[0]
    health: frozenset[str] | None = frozenset()
    hours: float = 0.0
    step: int = 0
    """Before which call of a worker it dies, or somebody else comes between."""
    between: "tuple[Act, ...]" = ()


def acts(chance: random.Random, count: int = 30) -> Iterator[Act]:
    """Draw what happens."""
    for _ in range(count):
        yield _act(chance, [*SIMPLE, "die", "meet"])


def _act(chance: random.Random, kinds: Sequence[str]) -> Act:
    what = chance.choice(kinds)
    return Act(
        what,
        digest=chance.choice(DIGESTS),
        tag=chance.choice(TAGS),
        health=chance.choice(HEALTHS),
        hours=chance.choice([0.001, 1, 12, 23, 25, 24 * 8]),
        step=chance.randrange(1, 24),
        between=tuple(_act(chance, SIMPLE) for _ in range(chance.randrange(1, 3)))
        if what == "meet"
        else (),
    )
