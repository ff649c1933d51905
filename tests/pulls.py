"""A pull of all layers of an image, as one that has none of them makes it."""

from collections.abc import Mapping
from pathlib import Path

from scanner.model import Unexaminable
from scanner.ports import Layer, ResolvedImage
from scanner.registry import AcrRegistry


def pull_all(
    registry: AcrRegistry, image: ResolvedImage, into: Path
) -> Mapping[Layer, Path] | Unexaminable:
    """Pull every layer into a folder, which is made; return the files by layer."""
    plan = registry.plan(image)
    if isinstance(plan, Unexaminable):
        return plan
    into.mkdir(exist_ok=True)
    pulled: dict[Layer, Path] = {}
    fault = registry.pull(image, plan.layers, into=into, done=pulled.__setitem__)
    return fault or pulled
