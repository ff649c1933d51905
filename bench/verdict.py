"""Push to stored verdict of an image whose layers are known, beside Trivy alone on it."""

import statistics
from pathlib import Path
from typing import Final

from bench import images
from bench.judging import Judge
from bench.rounds import in_turns
from bench.rows import Row, at_most
from bench.trivy_alone import alone
from local.stack import Stack
from scanner.trivy.advisories import AdvisoryDirectory

MEGABYTES: Final = (100, 300)
_ROUNDS: Final = 5


def measure(home: Path, advisories: Path, built: Path) -> list[Row]:
    """Have each side judge an image that it has not seen. Raises MeasurementError."""
    _, database = AdvisoryDirectory(advisories).current()
    with Stack(home, advisories=advisories) as stack, stack.registry.client() as client:
        judge = Judge.at(stack, client)
        return [
            _row(stack, judge, database, images.big(megabytes, built), megabytes)
            for megabytes in MEGABYTES
        ]


def _row(stack: Stack, judge: Judge, database: Path, layout: Path, megabytes: int) -> Row:
    # Once for each, so that neither is charged for a first start.
    known = judge.push(layout, f"bench/known-{megabytes}")
    judge.wait(known)
    image = f"{known.registry}/{known.repository}:v1"

    def trivy(_round: int) -> float:
        return alone(stack, image, database)

    trivy(0)

    def ours(number: int) -> float:
        # A verdict is kept by repository and digest: under a new name nothing is known of it.
        return judge.wait(judge.push(layout, f"bench/verdict-{megabytes}-{number}"))

    seconds = in_turns(_ROUNDS, {"ours": ours, "trivy": trivy})
    return Row(
        name=f"Push of {megabytes} MB to stored verdict",
        unit="s",
        ours=statistics.median(seconds["ours"]),
        peer=statistics.median(seconds["trivy"]),
        peer_name="trivy image",
        goal=at_most(1.5),
    )
