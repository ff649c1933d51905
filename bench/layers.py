"""Layers that are new, and layers that are known, beside Trivy alone from the same registry."""

import contextlib
import shutil
import statistics
from functools import partial
from pathlib import Path
from typing import Final

from azure.core.exceptions import ResourceNotFoundError

from bench import images
from bench.judging import Judge
from bench.rounds import in_turns
from bench.rows import Row, Subject, at_most
from bench.trivy_alone import alone
from local.samples.variants import layer_sizes
from local.stack import Stack
from scanner import settings, wiring
from scanner.model import ImageReference
from scanner.trivy.advisories import AdvisoryDirectory

_COLD_MEGABYTES: Final = 300
_CHANGED_MEGABYTES: Final = 1000
_ROUNDS: Final = 5


def measure(home: Path, advisories: Path, built: Path) -> list[Row]:
    """Push an image of which nothing is known, and one that differs by a layer.

    Raises MeasurementError.
    """
    _, database = AdvisoryDirectory(advisories).current()
    with Stack(home, advisories=advisories) as stack, stack.registry.client() as client:
        judge = Judge.at(stack, client)
        return [
            _cold(stack, judge, database, images.of_eight_layers(_COLD_MEGABYTES, built)),
            *_changed(stack, judge, database, images.big(_CHANGED_MEGABYTES, built), home),
        ]


def _cold(stack: Stack, judge: Judge, database: Path, layout: Path) -> Row:
    # Once for each, so that neither is charged for a first start.
    first = judge.push(layout, "bench/cold")
    judge.wait(first)

    def ours(number: int) -> float:
        forget_layers(stack)
        return judge.wait(judge.push(layout, f"bench/cold-{number}"))

    def trivy(_round: int) -> float:
        return alone(stack, f"{first.registry}/{first.repository}:v1", database)

    trivy(0)
    seconds = in_turns(_ROUNDS, {"ours": ours, "trivy": trivy})
    return Row(
        name=f"Push of {_COLD_MEGABYTES} MB in 8 layers, none known",
        unit="s",
        ours=statistics.median(seconds["ours"]),
        peer=statistics.median(seconds["trivy"]),
        peer_name="trivy image",
        goal=at_most(1.1),
    )


def _changed(stack: Stack, judge: Judge, database: Path, base: Path, home: Path) -> list[Row]:
    warm_cache = home / "warm"
    shutil.copytree(database, warm_cache)
    known = judge.push(base, "bench/base")
    judge.wait(known)
    alone(stack, f"{known.registry}/{known.repository}:v1", warm_cache, backend="fs")
    layouts = [
        images.with_another_layer(base, number, home / "changed") for number in range(_ROUNDS)
    ]

    shares = []

    def ours(number: int) -> float:
        image = judge.push(layouts[number], f"bench/changed-{number}")
        took = judge.wait(image)
        shares.append(_share_pulled(stack, image, layouts[number]))
        return took

    def named(number: int) -> str:
        return f"{known.registry}/bench/changed-{number}:v1"

    seconds = in_turns(
        _ROUNDS,
        {
            "ours": ours,
            "cold": lambda number: alone(stack, named(number), database),
            "warm": lambda number: alone(stack, named(number), warm_cache, backend="fs"),
        },
    )
    row = partial(
        Row,
        name=f"Push of {_CHANGED_MEGABYTES} MB with one layer of 1 MB changed",
        unit="s",
        ours=statistics.median(seconds["ours"]),
    )
    return [
        row(
            peer=statistics.median(seconds["cold"]),
            peer_name="trivy image",
            goal=at_most(0.25),
        ),
        row(
            peer=statistics.median(seconds["warm"]),
            peer_name="trivy image, cache warm",
            goal=at_most(1.5),
        ),
        Row(
            name=f"Share of the {_CHANGED_MEGABYTES} MB that is pulled again",
            unit="%",
            ours=100 * statistics.median(shares),
            goal=at_most(5, Subject.OURS),
        ),
    ]


def _share_pulled(stack: Stack, image: ImageReference, layout: Path) -> float:
    """Return which share of an image's bytes the app has asked the registry for."""
    asked = {
        request.path.rpartition("/")[2]
        for request in stack.registry.requests.matching(
            method="GET", path=f"/v2/{image.repository}/blobs/.*"
        )
    }
    sizes = layer_sizes(layout)
    return sum(size for digest, size in sizes.items() if digest in asked) / sum(sizes.values())


def forget_layers(stack: Stack) -> None:
    """Remove what is known of layers, as if none had been seen."""
    storage = wiring.storage_connection(settings.read(stack.settings()).storage)
    inventories = storage.blob_service().get_container_client("inventories")
    with contextlib.suppress(ResourceNotFoundError):
        for blob in inventories.list_blob_names():
            inventories.delete_blob(blob)
